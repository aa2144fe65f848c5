{%- if guarded -%}
IF OBJECT_ID({{ table | literal }}, N'U') IS NULL
BEGIN
{% endif -%}
CREATE TABLE {{ table }} (
{%- for column in columns %}
    {{ column.name | ident }} {{ column.type }} {{ "NULL" if column.nullable else "NOT NULL" }}{{ "," if constraint or not loop.last }}
{%- endfor %}
{%- if constraint %}
    {{ constraint }}
{%- endif %}
){{ place }};
{%- if columnstore %}
CREATE CLUSTERED COLUMNSTORE INDEX {{ columnstore | ident }} ON {{ table }}{{ columnstore_place }};
{%- endif %}
{%- if guarded %}
END;
{%- endif %}
