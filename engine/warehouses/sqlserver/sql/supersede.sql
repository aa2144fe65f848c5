{%- macro said(column, of) -%} JSON_VALUE([{{ of }}].[row_data], {{ ("$." ~ (column | json)) | literal }}) {%- endmacro -%}
{%- if supersede == "all" %}
    UPDATE {{ quarantined }} SET [state] = N'superseded' WHERE [state] = N'held';
{%- elif supersede %}
    UPDATE [earlier] SET [state] = N'superseded'
    FROM {{ quarantined }} AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
{%- if "files" in supersede %}
        OR [earlier].[source_file] IN (SELECT [name] FROM @files)
{%- endif %}
{%- if "values" in supersede %}
        OR EXISTS (SELECT 1 FROM {{ staging }} AS [load] WHERE
            {%- for column in again %} TRY_CONVERT({{ column.type }}, {{ said(column.name, "earlier") }}) = [load].{{ column.name | ident }}{{ " AND" if not loop.last }}{% endfor %})
{%- if held %}
        OR EXISTS (SELECT 1 FROM {{ held }} AS [load] WHERE
            {%- for column in again %} {{ said(column.name, "earlier") }} = {{ said(column.name, "load") }}{{ " AND" if not loop.last }}{% endfor %})
{%- endif %}
{%- endif %}
{%- if "periods" in supersede %}
        OR EXISTS (SELECT 1 FROM (SELECT TRY_CONVERT(date, LEFT({{ said(partition_by, "earlier") }}, 10), 23) AS [day]) AS [dated]
            INNER JOIN @periods AS [period] ON [dated].[day] >= [period].[first] AND ([dated].[day] < [period].[next] OR [period].[next] IS NULL)
                OR ([period].[first] IS NULL AND NULLIF({{ said(partition_by, "earlier") }}, N'') IS NULL
                    -- of a line that did not parse nobody knows the date
                    AND [earlier].[row_data] NOT LIKE N'{"[_]raw":%'))
{%- endif %});
{%- endif %}
