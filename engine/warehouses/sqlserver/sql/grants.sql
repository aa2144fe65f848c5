IF DATABASE_PRINCIPAL_ID({{ role | literal }}) IS NULL CREATE ROLE {{ role | ident }};
{%- for name in schemas %}
GRANT SELECT ON SCHEMA::{{ name | ident }} TO {{ role | ident }};
{%- endfor %}
{%- for view in views %}
GRANT SELECT ON OBJECT::{{ view }} TO {{ role | ident }};
{%- endfor %}
