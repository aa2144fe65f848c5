CREATE TABLE {{ staging }} AS SELECT * FROM {{ name }}
;
DROP TABLE {{ name }}
;
ALTER TABLE {{ staging }} RENAME TO {{ table | q }}
