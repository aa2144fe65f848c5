DROP TABLE IF EXISTS {{ whole }};
{%- if load == "partition" %}
{%- set column = partition_by | ident %}
{%- set first = {"day": "CAST(§ AS date)", "month": "DATEFROMPARTS(YEAR(§), MONTH(§), 1)",
                 "year": "DATEFROMPARTS(YEAR(§), 1, 1)"}[grain] %}
{%- endif %}
SELECT {{ columns | names }}
INTO {{ whole }}
FROM (
    SELECT
{%- for column in columns %}
        {% if column.name | lower in there %}[old].{{ column.name | ident }}{% else %}CAST(NULL AS {{ column.type }}) AS {{ column.name | ident }}{% endif %}{{ "," if not loop.last }}
{%- endfor %}
    FROM {{ published }} AS [old]
{%- if load == "merge" %}
    WHERE NOT EXISTS (SELECT 1 FROM {{ staging }} AS [new] WHERE {{ key | matched("new", "old") }})
{%- elif load == "partition" %}
    WHERE NOT EXISTS (
        SELECT 1 FROM (SELECT DISTINCT {{ first | replace("§", column) }} AS [first] FROM {{ staging }}) AS [present]
        WHERE [present].[first] = {{ first | replace("§", "[old]." ~ column) }}
            OR ([present].[first] IS NULL AND [old].{{ column }} IS NULL)
    )
{%- elif whole_files %}
    WHERE [old].[_source_file] NOT IN (SELECT [_source_file] FROM {{ staging }})
{%- endif %}
    UNION ALL
    SELECT {{ columns | names }} FROM {{ staging }}
) AS [whole];
