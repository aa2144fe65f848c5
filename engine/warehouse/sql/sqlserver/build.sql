SET XACT_ABORT ON;
{% if ctes %}{{ ctes }}
{% endif -%}
INSERT INTO {{ staging }} WITH (TABLOCK) ({{ columns | names }})
SELECT {{ columns | names }}
FROM (
{{ select }}
) AS [built]{{ "\n" ~ option if option }};
