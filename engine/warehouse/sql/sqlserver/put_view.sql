{%- if atomic -%}
EXEC sys.sp_executesql {{ create_or_alter | literal }};
{%- else -%}
IF OBJECT_ID({{ view | literal }}, N'V') IS NULL
    EXEC sys.sp_executesql {{ create | literal }};
ELSE
    EXEC sys.sp_executesql {{ alter | literal }};
{%- endif %}
