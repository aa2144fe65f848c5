CREATE OR REPLACE VIEW {{ alias }} AS
SELECT {% for column in columns %}{{ column.name | q }}{{ ", " if not loop.last }}{% endfor %}
FROM {{ name }}
