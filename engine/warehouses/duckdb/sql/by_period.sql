SELECT CAST(CAST(date_trunc('{{ partition_by.grain }}', {{ stood }}) AS DATE) AS VARCHAR) AS first, count(*) AS n
FROM {{ name }} AS published
WHERE {{ "published.is_current" if current else "true" }}
{%- if within.periods is not none %}
{#- As ranges of the column itself, by which whole blocks of rows can be left unread. #}
    AND (false
{%- if within.days %}
        OR ({{ stood }} >= DATE {{ within.days[0] | text }} AND date_trunc('{{ partition_by.grain }}', {{ stood }}) <= DATE {{ within.days[-1] | text }})
{%- endif %}
{%- if none in within.periods %}
        OR {{ stood }} IS NULL
{%- endif %})
{%- endif %}
GROUP BY ALL
