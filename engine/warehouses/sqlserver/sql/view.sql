{{ verb }} VIEW {{ view }}
AS
{% if ctes %}{{ ctes }}
{% endif -%}
SELECT {{ columns | names }}
FROM {% if select %}(
{{ select }}
) AS [built]{% else %}{{ table }}{% endif %};
