{% if whole_files -%}
DELETE FROM {{ name }} WHERE _source_file IN (SELECT DISTINCT _source_file FROM {{ staging }})
;
{% endif -%}
INSERT INTO {{ name }} BY NAME SELECT * FROM {{ staging }}
;
DROP TABLE {{ staging }}
