-- select (T-SQL)
-- DISTINCT because a title that lists a genre twice still has it once.
SELECT DISTINCT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(TRIM(g.genre) AS nvarchar(40))        AS genre
FROM bronze.content AS c
CROSS APPLY OPENJSON(c.genre) WITH (genre nvarchar(40) '$') AS g

-- build
CREATE TABLE "silver"."__staging_content_genres__20260101T000000_abcdef" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."genre" AS VARCHAR) AS "genre"
FROM (
SELECT DISTINCT
    trim("c"."content_id", ' ') AS "content_id",
    trim("g"."genre", ' ') AS "genre"
FROM "bronze"."content" AS "c"
CROSS JOIN LATERAL (SELECT tsql.room(tsql.json_value(j.item, '$'), 40, 'nvarchar(40)') FROM (SELECT unnest(tsql.json_rows("c"."genre", '$')) AS item) AS j) AS "g" ("genre")
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_content_genres" (
    "quarantine_id" VARCHAR,
    "load_id" VARCHAR,
    "quarantined_at" TIMESTAMP,
    "source_file" VARCHAR,
    "source_row" BIGINT,
    "reasons" VARCHAR,
    "row_data" VARCHAR,
    "state" VARCHAR,
    "replay_load_id" VARCHAR,
    "repairs" VARCHAR
);
UPDATE "quarantine"."silver_content_genres" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."content_genres";
ALTER TABLE "silver"."__staging_content_genres__20260101T000000_abcdef" RENAME TO "content_genres";
INSERT INTO "quarantine"."silver_content_genres" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_content_genres__20260101T000000_abcdef";
DROP TABLE "silver"."__held_content_genres__20260101T000000_abcdef";
COMMIT;
