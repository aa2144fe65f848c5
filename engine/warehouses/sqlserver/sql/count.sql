SELECT COUNT_BIG(*) AS [row_count] FROM {{ table }};
