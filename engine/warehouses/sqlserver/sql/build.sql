SET XACT_ABORT ON;
{% if ctes %}{{ ctes }}
{% endif -%}
INSERT INTO {{ staging }} WITH (TABLOCK) ({{ columns | names }})
SELECT {{ columns | names }}
FROM (
{{ select }}
) AS [built]
{%- if empty %}
WHERE 1 = 0
{%- endif %}{{ "\n" ~ option if option }};
