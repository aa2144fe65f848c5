DELETE FROM {{ name }} AS published USING {{ staging }} AS load
WHERE {% for column in key %}{{ column | folded("published") }} = {{ column | folded("load") }}{{ " AND " if not loop.last }}{% endfor %}
;
INSERT INTO {{ name }} BY NAME SELECT * FROM {{ staging }}
;
DROP TABLE {{ staging }}
