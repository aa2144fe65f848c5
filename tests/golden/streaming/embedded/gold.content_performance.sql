-- select (T-SQL)
-- Every title is here, watched or not: a title nobody watches is what this table should show.
WITH genres AS (
    SELECT g.content_id, STRING_AGG(g.genre, N', ') WITHIN GROUP (ORDER BY g.genre) AS genre
    FROM silver.content_genres AS g
    GROUP BY g.content_id
),
viewing AS (
    SELECT
        s.content_id,
        COUNT(*)                                                AS total_views,
        COUNT(DISTINCT s.user_id)                               AS unique_viewers,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        AVG(s.completion_percentage)                            AS avg_completion
    FROM silver.viewing_sessions AS s
    GROUP BY s.content_id
)
SELECT
    c.content_id                                                AS content_id,
    c.title                                                     AS title,
    CAST(g.genre AS nvarchar(400))                              AS genre,
    c.content_type                                              AS content_type,
    c.duration_minutes                                          AS duration_minutes,
    c.release_year                                              AS release_year,
    c.rating                                                    AS rating,
    c.production_budget                                         AS production_budget,
    CAST(COALESCE(v.total_views, 0) AS int)                     AS total_views,
    CAST(COALESCE(v.unique_viewers, 0) AS int)                  AS unique_viewers,
    CAST(v.avg_minutes AS decimal(9,3))                         AS avg_watch_time,
    CAST(v.avg_completion AS decimal(5,2))                      AS avg_completion_rate,
    -- Views times a million over the budget, in decimals: dividing the budget first would lose digits.
    CAST(CASE
        WHEN c.production_budget > 0
        THEN CAST(COALESCE(v.total_views, 0) AS decimal(19,2)) * 1000000 / CAST(c.production_budget AS decimal(19,0))
        ELSE 0
    END AS decimal(18,2))                                       AS views_per_million_budget,
    CAST(CASE
        WHEN c.rating >= 4.5 THEN N'Excellent'
        WHEN c.rating >= 4.0 THEN N'Very Good'
        WHEN c.rating >= 3.5 THEN N'Good'
        WHEN c.rating >= 3.0 THEN N'Average'
        ELSE N'Below Average'
    END AS nvarchar(20))                                        AS rating_category
FROM silver.content AS c
LEFT JOIN genres AS g ON g.content_id = c.content_id
LEFT JOIN viewing AS v ON v.content_id = c.content_id

-- build
CREATE TABLE "gold"."__staging_content_performance__20260101T000000_abcdef" AS
SELECT
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."title" AS VARCHAR) AS "title",
    CAST(built."genre" AS VARCHAR) AS "genre",
    CAST(built."content_type" AS VARCHAR) AS "content_type",
    CAST(built."duration_minutes" AS INTEGER) AS "duration_minutes",
    CAST(built."release_year" AS INTEGER) AS "release_year",
    CAST(built."rating" AS DECIMAL(3,2)) AS "rating",
    CAST(built."production_budget" AS BIGINT) AS "production_budget",
    CAST(built."total_views" AS INTEGER) AS "total_views",
    CAST(built."unique_viewers" AS INTEGER) AS "unique_viewers",
    CAST(built."avg_watch_time" AS DECIMAL(9,3)) AS "avg_watch_time",
    CAST(built."avg_completion_rate" AS DECIMAL(5,2)) AS "avg_completion_rate",
    CAST(built."views_per_million_budget" AS DECIMAL(18,2)) AS "views_per_million_budget",
    CAST(built."rating_category" AS VARCHAR) AS "rating_category"
FROM (
WITH "genres" ("content_id", "genre") AS (
    SELECT
        "g"."content_id" AS "content_id",
        tsql.at_most(string_agg("g"."genre", ', ' ORDER BY "g"."genre"), 4000) AS "genre"
    FROM "silver"."content_genres" AS "g"
    GROUP BY "g"."content_id"
), "viewing" ("content_id", "total_views", "unique_viewers", "avg_minutes", "avg_completion") AS (
    SELECT
        "s"."content_id" AS "content_id",
        CAST(count(*) AS INTEGER) AS "total_views",
        CAST(count(DISTINCT lower("s"."user_id")) AS INTEGER) AS "unique_viewers",
        CAST(tsql.quotient(sum(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), nullif(count(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_minutes",
        CAST(tsql.quotient(sum("s"."completion_percentage"), nullif(count("s"."completion_percentage"), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_completion"
    FROM "silver"."viewing_sessions" AS "s"
    GROUP BY "s"."content_id"
)
SELECT
    "c"."content_id" AS "content_id",
    "c"."title" AS "title",
    left("g"."genre", 400) AS "genre",
    "c"."content_type" AS "content_type",
    "c"."duration_minutes" AS "duration_minutes",
    "c"."release_year" AS "release_year",
    "c"."rating" AS "rating",
    "c"."production_budget" AS "production_budget",
    CAST(coalesce("v"."total_views", 0) AS INTEGER) AS "total_views",
    CAST(coalesce("v"."unique_viewers", 0) AS INTEGER) AS "unique_viewers",
    CAST("v"."avg_minutes" AS DECIMAL(9,3)) AS "avg_watch_time",
    CAST("v"."avg_completion" AS DECIMAL(5,2)) AS "avg_completion_rate",
    CAST(CAST(CASE WHEN "c"."production_budget" > 0 THEN CAST(tsql.quotient((CAST(coalesce("v"."total_views", 0) AS DECIMAL(19,2)) * 1000000), tsql.nonzero(CAST("c"."production_budget" AS DECIMAL(19,0))), 100, 100000000000, 1, 0.0000000000001, 92233720) AS DECIMAL(38,13)) ELSE CAST(0 AS DECIMAL(38,13)) END AS DECIMAL(38,13)) AS DECIMAL(18,2)) AS "views_per_million_budget",
    CASE WHEN "c"."rating" >= CAST(4.5 AS DECIMAL(2,1)) THEN 'Excellent' WHEN "c"."rating" >= CAST(4.0 AS DECIMAL(2,1)) THEN 'Very Good' WHEN "c"."rating" >= CAST(3.5 AS DECIMAL(2,1)) THEN 'Good' WHEN "c"."rating" >= CAST(3.0 AS DECIMAL(2,1)) THEN 'Average' ELSE 'Below Average' END AS "rating_category"
FROM "silver"."content" AS "c"
LEFT JOIN "genres" AS "g" ON "g"."content_id" = "c"."content_id"
LEFT JOIN "viewing" AS "v" ON "v"."content_id" = "c"."content_id"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_content_performance" (
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
UPDATE "quarantine"."gold_content_performance" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."content_performance";
ALTER TABLE "gold"."__staging_content_performance__20260101T000000_abcdef" RENAME TO "content_performance";
CREATE OR REPLACE VIEW "dbo"."gold_content_performance" AS
SELECT "content_id", "title", "genre", "content_type", "duration_minutes", "release_year", "rating", "production_budget", "total_views", "unique_viewers", "avg_watch_time", "avg_completion_rate", "views_per_million_budget", "rating_category"
FROM "gold"."content_performance";
INSERT INTO "quarantine"."gold_content_performance" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_content_performance__20260101T000000_abcdef";
DROP TABLE "gold"."__held_content_performance__20260101T000000_abcdef";
COMMIT;
