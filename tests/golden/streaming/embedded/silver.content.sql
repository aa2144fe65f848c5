-- select (T-SQL)
-- A series lasts as long as one of its episodes; its number of episodes comes from the seasons' lists.
-- release_year stays null where the source has none (every series): a made-up year would skew reports.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(TRIM(c.title) AS nvarchar(200))       AS title,
    CAST(TRIM(c.content_type) AS nvarchar(10)) AS content_type,
    CASE WHEN c.content_type = N'series' THEN c.avg_episode_duration ELSE c.duration_minutes END AS duration_minutes,
    c.release_year                             AS release_year,
    CAST(CASE
        WHEN c.rating < 0 THEN 0
        WHEN c.rating > 5 THEN 5
        ELSE c.rating
    END AS decimal(3,2))                       AS rating,
    c.production_budget                        AS production_budget,
    c.seasons                                  AS seasons,
    e.total_episodes                           AS total_episodes
FROM bronze.content AS c
LEFT JOIN (
    SELECT se.content_id, CAST(SUM(se.episode_count) AS int) AS total_episodes
    FROM silver.series_episodes AS se
    GROUP BY se.content_id
) AS e ON e.content_id = c.content_id

-- build
CREATE TABLE "silver"."__staging_content__20260101T000000_abcdef" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."title" AS VARCHAR) AS "title",
    CAST(built."content_type" AS VARCHAR) AS "content_type",
    CAST(built."duration_minutes" AS INTEGER) AS "duration_minutes",
    CAST(built."release_year" AS INTEGER) AS "release_year",
    CAST(built."rating" AS DECIMAL(3,2)) AS "rating",
    CAST(built."production_budget" AS BIGINT) AS "production_budget",
    CAST(built."seasons" AS INTEGER) AS "seasons",
    CAST(built."total_episodes" AS INTEGER) AS "total_episodes"
FROM (
SELECT
    trim("c"."content_id", ' ') AS "content_id",
    trim("c"."title", ' ') AS "title",
    trim("c"."content_type", ' ') AS "content_type",
    CASE WHEN rtrim("c"."content_type", ' ') = 'series' THEN "c"."avg_episode_duration" ELSE "c"."duration_minutes" END AS "duration_minutes",
    "c"."release_year" AS "release_year",
    CAST(CAST(CASE WHEN "c"."rating" < 0 THEN CAST(0 AS DECIMAL(12,2)) WHEN "c"."rating" > 5 THEN CAST(5 AS DECIMAL(12,2)) ELSE CAST("c"."rating" AS DECIMAL(12,2)) END AS DECIMAL(12,2)) AS DECIMAL(3,2)) AS "rating",
    "c"."production_budget" AS "production_budget",
    "c"."seasons" AS "seasons",
    "e"."total_episodes" AS "total_episodes"
FROM "bronze"."content" AS "c"
LEFT JOIN (
    SELECT
        "se"."content_id" AS "content_id",
        CAST(CAST(sum("se"."episode_count") AS INTEGER) AS INTEGER) AS "total_episodes"
    FROM "silver"."series_episodes" AS "se"
    GROUP BY "se"."content_id"
) AS "e" ("content_id", "total_episodes") ON "e"."content_id" = rtrim("c"."content_id", ' ')
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_content" (
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
UPDATE "quarantine"."silver_content" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."content";
ALTER TABLE "silver"."__staging_content__20260101T000000_abcdef" RENAME TO "content";
CREATE OR REPLACE VIEW "dbo"."silver_content" AS
SELECT "content_id", "title", "content_type", "duration_minutes", "release_year", "rating", "production_budget", "seasons", "total_episodes"
FROM "silver"."content";
INSERT INTO "quarantine"."silver_content" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_content__20260101T000000_abcdef";
DROP TABLE "silver"."__held_content__20260101T000000_abcdef";
COMMIT;
