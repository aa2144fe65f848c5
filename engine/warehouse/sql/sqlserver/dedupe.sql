SET XACT_ABORT ON;
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY {{ key | names }} ORDER BY {{ order_by }}) AS [rank]
    FROM {{ staging }}
    WHERE {{ key | present }}
)
DELETE FROM [ranked] WHERE [rank] > 1;
