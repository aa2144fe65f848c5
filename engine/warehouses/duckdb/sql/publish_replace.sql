DROP TABLE IF EXISTS {{ name }}
;
ALTER TABLE {{ staging }} RENAME TO {{ table | q }}
