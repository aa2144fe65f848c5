-- select (T-SQL)
-- The list's position is the season: OPENJSON counts from 0, people from 1.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(e.[key] AS int) + 1                   AS season_number,
    -- A count that is no number becomes NULL, which the suite holds back; the other seasons stay.
    TRY_CAST(e.[value] AS int)                 AS episode_count
FROM bronze.content AS c
CROSS APPLY OPENJSON(c.episodes_per_season) AS e
WHERE c.content_type = N'series'

-- build
CREATE TABLE "silver"."__staging_series_episodes__20260101T000000_abcdef" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."season_number" AS INTEGER) AS "season_number",
    CAST(built."episode_count" AS INTEGER) AS "episode_count"
FROM (
SELECT
    trim("c"."content_id", ' ') AS "content_id",
    CAST(tsql.whole("e"."key") AS INTEGER) + 1 AS "season_number",
    TRY_CAST(tsql.try_whole("e"."value") AS INTEGER) AS "episode_count"
FROM "bronze"."content" AS "c"
CROSS JOIN LATERAL (SELECT e.key, CASE WHEN e.type = 'VARCHAR' THEN json_extract_string(e.value, '$') WHEN e.type <> 'NULL' THEN CAST(e.value AS VARCHAR) END, tsql.json_kind(e.type) FROM json_each("c"."episodes_per_season", '$') AS e) AS "e" ("key", "value", "type")
WHERE rtrim("c"."content_type", ' ') = 'series'
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_series_episodes" (
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
UPDATE "quarantine"."silver_series_episodes" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."series_episodes";
ALTER TABLE "silver"."__staging_series_episodes__20260101T000000_abcdef" RENAME TO "series_episodes";
INSERT INTO "quarantine"."silver_series_episodes" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_series_episodes__20260101T000000_abcdef";
DROP TABLE "silver"."__held_series_episodes__20260101T000000_abcdef";
COMMIT;
