SET XACT_ABORT ON;
{%- for column in columns if not column.nullable %}
ALTER TABLE {{ staging }} ALTER COLUMN {{ column.name | ident }} {{ column.type }} NOT NULL;
{%- endfor %}
{%- if columnstore %}
CREATE CLUSTERED COLUMNSTORE INDEX {{ columnstore | ident }} ON {{ staging }};
{%- endif %}
{%- if constraint %}
ALTER TABLE {{ staging }} ADD {{ constraint }};
{%- endif %}
{%- for statement in design %}
{{ statement }}
{%- endfor %}
