-- select (T-SQL)
-- total_episodes is null, not 0, where the source lists no seasons: unknown is not none.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    c.seasons                                  AS seasons,
    c.avg_episode_duration                     AS avg_episode_duration,
    c.total_views                              AS total_views,
    e.total_episodes                           AS total_episodes
FROM bronze.content AS c
LEFT JOIN (
    SELECT se.content_id, CAST(SUM(se.episode_count) AS int) AS total_episodes
    FROM silver.series_episodes AS se
    GROUP BY se.content_id
) AS e ON e.content_id = c.content_id
WHERE c.content_type = N'series'

-- build
CREATE TABLE "silver"."__staging_series_details__20260101T000000_abcdef" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."seasons" AS INTEGER) AS "seasons",
    CAST(built."avg_episode_duration" AS INTEGER) AS "avg_episode_duration",
    CAST(built."total_views" AS BIGINT) AS "total_views",
    CAST(built."total_episodes" AS INTEGER) AS "total_episodes"
FROM (
SELECT
    trim("c"."content_id", ' ') AS "content_id",
    "c"."seasons" AS "seasons",
    "c"."avg_episode_duration" AS "avg_episode_duration",
    "c"."total_views" AS "total_views",
    "e"."total_episodes" AS "total_episodes"
FROM "bronze"."content" AS "c"
LEFT JOIN (
    SELECT
        "se"."content_id" AS "content_id",
        CAST(CAST(sum("se"."episode_count") AS INTEGER) AS INTEGER) AS "total_episodes"
    FROM "silver"."series_episodes" AS "se"
    GROUP BY "se"."content_id"
) AS "e" ("content_id", "total_episodes") ON "e"."content_id" = rtrim("c"."content_id", ' ')
WHERE rtrim("c"."content_type", ' ') = 'series'
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_series_details" (
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
UPDATE "quarantine"."silver_series_details" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."series_details";
ALTER TABLE "silver"."__staging_series_details__20260101T000000_abcdef" RENAME TO "series_details";
INSERT INTO "quarantine"."silver_series_details" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_series_details__20260101T000000_abcdef";
DROP TABLE "silver"."__held_series_details__20260101T000000_abcdef";
COMMIT;
