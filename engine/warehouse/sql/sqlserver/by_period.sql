{%- set column = partition_by | ident %}
{%- set first = {"day": "CAST(" ~ column ~ " AS date)",
                 "month": "DATEFROMPARTS(YEAR(" ~ column ~ "), MONTH(" ~ column ~ "), 1)",
                 "year": "DATEFROMPARTS(YEAR(" ~ column ~ "), 1, 1)"}[grain] -%}
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (SELECT {{ first }} AS [first] FROM {{ table }}) AS [dated]
GROUP BY [first];
