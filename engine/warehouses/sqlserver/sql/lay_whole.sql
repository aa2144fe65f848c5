SET NOCOUNT ON;
DROP TABLE IF EXISTS {{ whole }};
{%- if load == "partition" %}
{%- set column = partition_by | ident %}
{%- include "read_periods.sql" %}
{%- elif brought.files and load == "append" %}
{% include "read_files.sql" %}
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
        SELECT 1 FROM @periods AS [period]
        WHERE ([old].{{ column }} >= [period].[first] AND ([old].{{ column }} < [period].[next] OR [period].[next] IS NULL))
            OR ([period].[first] IS NULL AND [old].{{ column }} IS NULL)
    )
{%- elif brought.files %}
    WHERE [old].[_source_file] NOT IN (SELECT [name] FROM @files)
{%- endif %}
    UNION ALL
    SELECT {{ columns | names }} FROM {{ staging }}
) AS [whole];
