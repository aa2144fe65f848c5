-- select (T-SQL)
-- A movie has no seasons and no episodes: null, not 0, so that averages over series stay right.
SELECT
    c.content_id                        AS content_id,
    c.title                             AS title,
    c.content_type                      AS type,
    c.release_year                      AS release_year,
    c.duration_minutes                  AS duration_minutes,
    c.seasons                           AS season_count,
    c.total_episodes                    AS episode_count,
    CAST(g.genres AS nvarchar(400))     AS genres
FROM silver.content AS c
LEFT JOIN (
    SELECT cg.content_id, STRING_AGG(cg.genre, N', ') WITHIN GROUP (ORDER BY cg.genre) AS genres
    FROM silver.content_genres AS cg
    GROUP BY cg.content_id
) AS g ON g.content_id = c.content_id

-- build
CREATE VIEW "gold"."__staging_content_summary__20260101T000000_abcdef" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."title" AS VARCHAR) AS "title",
    CAST(built."type" AS VARCHAR) AS "type",
    CAST(built."release_year" AS INTEGER) AS "release_year",
    CAST(built."duration_minutes" AS INTEGER) AS "duration_minutes",
    CAST(built."season_count" AS INTEGER) AS "season_count",
    CAST(built."episode_count" AS INTEGER) AS "episode_count",
    CAST(built."genres" AS VARCHAR) AS "genres"
FROM (
SELECT
    "c"."content_id" AS "content_id",
    "c"."title" AS "title",
    "c"."content_type" AS "type",
    "c"."release_year" AS "release_year",
    "c"."duration_minutes" AS "duration_minutes",
    "c"."seasons" AS "season_count",
    "c"."total_episodes" AS "episode_count",
    left("g"."genres", 400) AS "genres"
FROM "silver"."content" AS "c"
LEFT JOIN (
    SELECT
        "cg"."content_id" AS "content_id",
        tsql.at_most(string_agg("cg"."genre", ', ' ORDER BY "cg"."genre"), 4000) AS "genres"
    FROM "silver"."content_genres" AS "cg"
    GROUP BY "cg"."content_id"
) AS "g" ("content_id", "genres") ON "g"."content_id" = "c"."content_id"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_content_summary" (
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
UPDATE "quarantine"."gold_content_summary" SET state = 'superseded' WHERE state = 'held';
CREATE OR REPLACE VIEW "gold"."content_summary" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."title" AS VARCHAR) AS "title",
    CAST(built."type" AS VARCHAR) AS "type",
    CAST(built."release_year" AS INTEGER) AS "release_year",
    CAST(built."duration_minutes" AS INTEGER) AS "duration_minutes",
    CAST(built."season_count" AS INTEGER) AS "season_count",
    CAST(built."episode_count" AS INTEGER) AS "episode_count",
    CAST(built."genres" AS VARCHAR) AS "genres"
FROM (
SELECT
    "c"."content_id" AS "content_id",
    "c"."title" AS "title",
    "c"."content_type" AS "type",
    "c"."release_year" AS "release_year",
    "c"."duration_minutes" AS "duration_minutes",
    "c"."seasons" AS "season_count",
    "c"."total_episodes" AS "episode_count",
    left("g"."genres", 400) AS "genres"
FROM "silver"."content" AS "c"
LEFT JOIN (
    SELECT
        "cg"."content_id" AS "content_id",
        tsql.at_most(string_agg("cg"."genre", ', ' ORDER BY "cg"."genre"), 4000) AS "genres"
    FROM "silver"."content_genres" AS "cg"
    GROUP BY "cg"."content_id"
) AS "g" ("content_id", "genres") ON "g"."content_id" = "c"."content_id"
) AS built;
DROP VIEW "gold"."__staging_content_summary__20260101T000000_abcdef";
INSERT INTO "quarantine"."gold_content_summary" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_content_summary__20260101T000000_abcdef";
DROP TABLE "gold"."__held_content_summary__20260101T000000_abcdef";
COMMIT;
