-- select (T-SQL)
-- A title counts in each of its genres. Catalogue figures are over titles (each budget once), viewing
-- figures over sessions; they are summed apart so that views do not multiply budgets.
WITH catalogue AS (
    SELECT
        g.genre,
        COUNT(*)                                                AS total_items,
        AVG(CAST(c.production_budget AS decimal(19,2)))         AS avg_budget,
        SUM(c.production_budget)                                AS total_investment,
        AVG(c.rating)                                           AS avg_rating,
        AVG(CAST(c.duration_minutes AS decimal(9,2)))           AS avg_duration
    FROM silver.content_genres AS g
    INNER JOIN silver.content AS c ON c.content_id = g.content_id
    GROUP BY g.genre
),
viewing AS (
    SELECT
        g.genre,
        COUNT(*)                                                AS total_views,
        COUNT(DISTINCT s.user_id)                               AS unique_viewers,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes
    FROM silver.viewing_sessions AS s
    INNER JOIN silver.content_genres AS g ON g.content_id = s.content_id
    GROUP BY g.genre
)
SELECT
    c.genre                                         AS genre,
    CAST(c.total_items AS int)                      AS total_content_items,
    CAST(COALESCE(v.total_views, 0) AS int)         AS total_views,
    CAST(COALESCE(v.unique_viewers, 0) AS int)      AS unique_viewers,
    CAST(c.avg_budget AS decimal(18,2))             AS avg_production_budget,
    CAST(c.total_investment AS bigint)              AS total_investment,
    CAST(c.avg_rating AS decimal(4,3))              AS avg_genre_rating,
    CAST(c.avg_duration AS decimal(9,3))            AS avg_content_duration,
    CAST(v.avg_minutes AS decimal(9,3))             AS avg_watch_time
FROM catalogue AS c
LEFT JOIN viewing AS v ON v.genre = c.genre

-- build
CREATE TABLE "gold"."__staging_genre_analytics__20260101T000000_abcdef" AS
SELECT
    CAST(built."genre" AS VARCHAR) AS "genre",
    CAST(built."total_content_items" AS INTEGER) AS "total_content_items",
    CAST(built."total_views" AS INTEGER) AS "total_views",
    CAST(built."unique_viewers" AS INTEGER) AS "unique_viewers",
    CAST(built."avg_production_budget" AS DECIMAL(18,2)) AS "avg_production_budget",
    CAST(built."total_investment" AS BIGINT) AS "total_investment",
    CAST(built."avg_genre_rating" AS DECIMAL(4,3)) AS "avg_genre_rating",
    CAST(built."avg_content_duration" AS DECIMAL(9,3)) AS "avg_content_duration",
    CAST(built."avg_watch_time" AS DECIMAL(9,3)) AS "avg_watch_time"
FROM (
WITH "catalogue" ("genre", "total_items", "avg_budget", "total_investment", "avg_rating", "avg_duration") AS (
    SELECT
        "g"."genre" AS "genre",
        CAST(count(*) AS INTEGER) AS "total_items",
        CAST(tsql.quotient(sum(CAST("c"."production_budget" AS DECIMAL(19,2))), nullif(count(CAST("c"."production_budget" AS DECIMAL(19,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_budget",
        CAST(sum("c"."production_budget") AS BIGINT) AS "total_investment",
        CAST(tsql.quotient(sum("c"."rating"), nullif(count("c"."rating"), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_rating",
        CAST(tsql.quotient(sum(CAST("c"."duration_minutes" AS DECIMAL(9,2))), nullif(count(CAST("c"."duration_minutes" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_duration"
    FROM "silver"."content_genres" AS "g"
    INNER JOIN "silver"."content" AS "c" ON "c"."content_id" = "g"."content_id"
    GROUP BY "g"."genre"
), "viewing" ("genre", "total_views", "unique_viewers", "avg_minutes") AS (
    SELECT
        "g"."genre" AS "genre",
        CAST(count(*) AS INTEGER) AS "total_views",
        CAST(count(DISTINCT lower("s"."user_id")) AS INTEGER) AS "unique_viewers",
        CAST(tsql.quotient(sum(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), nullif(count(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_minutes"
    FROM "silver"."viewing_sessions" AS "s"
    INNER JOIN "silver"."content_genres" AS "g" ON "g"."content_id" = "s"."content_id"
    GROUP BY "g"."genre"
)
SELECT
    "c"."genre" AS "genre",
    CAST("c"."total_items" AS INTEGER) AS "total_content_items",
    CAST(coalesce("v"."total_views", 0) AS INTEGER) AS "total_views",
    CAST(coalesce("v"."unique_viewers", 0) AS INTEGER) AS "unique_viewers",
    CAST("c"."avg_budget" AS DECIMAL(18,2)) AS "avg_production_budget",
    CAST("c"."total_investment" AS BIGINT) AS "total_investment",
    CAST("c"."avg_rating" AS DECIMAL(4,3)) AS "avg_genre_rating",
    CAST("c"."avg_duration" AS DECIMAL(9,3)) AS "avg_content_duration",
    CAST("v"."avg_minutes" AS DECIMAL(9,3)) AS "avg_watch_time"
FROM "catalogue" AS "c"
LEFT JOIN "viewing" AS "v" ON "v"."genre" = "c"."genre"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_genre_analytics" (
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
UPDATE "quarantine"."gold_genre_analytics" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."genre_analytics";
ALTER TABLE "gold"."__staging_genre_analytics__20260101T000000_abcdef" RENAME TO "genre_analytics";
CREATE OR REPLACE VIEW "dbo"."gold_genre_analytics" AS
SELECT "genre", "total_content_items", "total_views", "unique_viewers", "avg_production_budget", "total_investment", "avg_genre_rating", "avg_content_duration", "avg_watch_time"
FROM "gold"."genre_analytics";
INSERT INTO "quarantine"."gold_genre_analytics" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_genre_analytics__20260101T000000_abcdef";
DROP TABLE "gold"."__held_genre_analytics__20260101T000000_abcdef";
COMMIT;
