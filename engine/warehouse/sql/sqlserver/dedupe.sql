SET XACT_ABORT ON;
WITH [ranked] AS (
    SELECT ROW_NUMBER() OVER (PARTITION BY {{ same | join(", ") }} ORDER BY {{ order_by }}) AS [rank]
    FROM {{ staging }}
)
DELETE FROM [ranked] WHERE [rank] > 1;
