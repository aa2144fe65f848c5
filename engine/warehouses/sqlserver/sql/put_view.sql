{%- if atomic -%}
EXEC sys.sp_executesql {{ create_or_alter | literal }};
{%- else -%}
IF OBJECT_ID({{ view | literal }}, N'V') IS NOT NULL DROP VIEW {{ view }};
EXEC sys.sp_executesql {{ create | literal }};
{%- endif %}
