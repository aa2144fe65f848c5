SET XACT_ABORT ON;
DELETE FROM [kept]
FROM {{ staging }} AS [kept]
INNER JOIN (
    SELECT {{ origin | names }},
        ROW_NUMBER() OVER (PARTITION BY {{ same | join(", ") }} ORDER BY {{ order_by }}) AS [rank]
    FROM {{ staging }}
) AS [ranked] ON {{ origin | matched("ranked", "kept") }}
WHERE [ranked].[rank] > 1;
