DROP TABLE IF EXISTS {{ staging }};
{% include "create_table.sql" %}
