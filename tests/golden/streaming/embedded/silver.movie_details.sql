-- select (T-SQL)
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    c.duration_minutes                         AS duration_minutes,
    c.release_year                             AS release_year,
    c.views_count                              AS views_count
FROM bronze.content AS c
WHERE c.content_type = N'movie'

-- build
CREATE TABLE "silver"."__staging_movie_details__20260101T000000_abcdef" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."duration_minutes" AS INTEGER) AS "duration_minutes",
    CAST(built."release_year" AS INTEGER) AS "release_year",
    CAST(built."views_count" AS BIGINT) AS "views_count"
FROM (
SELECT
    trim("c"."content_id", ' ') AS "content_id",
    "c"."duration_minutes" AS "duration_minutes",
    "c"."release_year" AS "release_year",
    "c"."views_count" AS "views_count"
FROM "bronze"."content" AS "c"
WHERE rtrim("c"."content_type", ' ') = 'movie'
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_movie_details" (
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
UPDATE "quarantine"."silver_movie_details" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."movie_details";
ALTER TABLE "silver"."__staging_movie_details__20260101T000000_abcdef" RENAME TO "movie_details";
INSERT INTO "quarantine"."silver_movie_details" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_movie_details__20260101T000000_abcdef";
DROP TABLE "silver"."__held_movie_details__20260101T000000_abcdef";
COMMIT;
