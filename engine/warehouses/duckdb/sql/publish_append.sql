{% if brought.files -%}
DELETE FROM {{ name }} WHERE _source_file IN ({% include "read_files.sql" %})
;
{% endif -%}
INSERT INTO {{ name }} BY NAME SELECT * FROM {{ staging }}
;
DROP TABLE {{ staging }}
