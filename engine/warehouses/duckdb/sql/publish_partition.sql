{% set period = "date_trunc('" ~ partition_by.grain ~ "', " -%}
DELETE FROM {{ name }} AS published
WHERE EXISTS (
    SELECT 1 FROM ({% include "read_periods.sql" %}) AS present
    WHERE present.first IS NOT DISTINCT FROM {{ period }}published.{{ partition_by.column | q }})
)
;
INSERT INTO {{ name }} BY NAME SELECT * FROM {{ staging }}
;
DROP TABLE {{ staging }}
