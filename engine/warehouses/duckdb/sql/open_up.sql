CREATE TABLE {{ staging }} AS SELECT {{ rows }}
;
DROP TABLE {{ name }}
;
ALTER TABLE {{ staging }} RENAME TO {{ table | q }}
