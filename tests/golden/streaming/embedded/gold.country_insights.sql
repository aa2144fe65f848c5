-- select (T-SQL)
-- Users and sessions are summed apart and joined after: joined first, a user would weigh as much as the
-- number of their sessions, and averages over users would be wrong.
WITH audience AS (
    SELECT
        u.country,
        COUNT(*)                            AS total_users,
        AVG(u.total_watch_time_hours)       AS avg_hours,
        AVG(CAST(u.age AS decimal(9,2)))    AS avg_age
    FROM silver.users AS u
    GROUP BY u.country
),
viewing AS (
    SELECT
        u.country,
        COUNT(*)                                                AS total_sessions,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        COUNT(DISTINCT s.content_id)                            AS unique_content
    FROM silver.viewing_sessions AS s
    INNER JOIN silver.users AS u ON u.user_id = s.user_id
    GROUP BY u.country
)
SELECT
    a.country                                       AS country,
    CAST(a.total_users AS int)                      AS total_users,
    CAST(a.avg_hours AS decimal(9,3))               AS avg_watch_hours_per_user,
    CAST(a.avg_age AS decimal(6,3))                 AS avg_user_age,
    CAST(COALESCE(v.total_sessions, 0) AS int)      AS total_sessions,
    CAST(v.avg_minutes AS decimal(9,3))             AS avg_session_duration,
    CAST(COALESCE(v.unique_content, 0) AS int)      AS unique_content_consumed
FROM audience AS a
LEFT JOIN viewing AS v ON v.country = a.country

-- build
CREATE TABLE "gold"."__staging_country_insights__20260101T000000_abcdef" AS
SELECT
    CAST(built."country" AS VARCHAR) AS "country",
    CAST(built."total_users" AS INTEGER) AS "total_users",
    CAST(built."avg_watch_hours_per_user" AS DECIMAL(9,3)) AS "avg_watch_hours_per_user",
    CAST(built."avg_user_age" AS DECIMAL(6,3)) AS "avg_user_age",
    CAST(built."total_sessions" AS INTEGER) AS "total_sessions",
    CAST(built."avg_session_duration" AS DECIMAL(9,3)) AS "avg_session_duration",
    CAST(built."unique_content_consumed" AS INTEGER) AS "unique_content_consumed"
FROM (
WITH "audience" ("country", "total_users", "avg_hours", "avg_age") AS (
    SELECT
        "u"."country" AS "country",
        CAST(count(*) AS INTEGER) AS "total_users",
        CAST(tsql.quotient(sum("u"."total_watch_time_hours"), nullif(count("u"."total_watch_time_hours"), 0), 10, 100000, 1, 0.000001, 92233720368547) AS DECIMAL(38,6)) AS "avg_hours",
        CAST(tsql.quotient(sum(CAST("u"."age" AS DECIMAL(9,2))), nullif(count(CAST("u"."age" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_age"
    FROM "silver"."users" AS "u"
    GROUP BY "u"."country"
), "viewing" ("country", "total_sessions", "avg_minutes", "unique_content") AS (
    SELECT
        "u"."country" AS "country",
        CAST(count(*) AS INTEGER) AS "total_sessions",
        CAST(tsql.quotient(sum(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), nullif(count(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_minutes",
        CAST(count(DISTINCT lower("s"."content_id")) AS INTEGER) AS "unique_content"
    FROM "silver"."viewing_sessions" AS "s"
    INNER JOIN "silver"."users" AS "u" ON "u"."user_id" = "s"."user_id"
    GROUP BY "u"."country"
)
SELECT
    "a"."country" AS "country",
    CAST("a"."total_users" AS INTEGER) AS "total_users",
    CAST("a"."avg_hours" AS DECIMAL(9,3)) AS "avg_watch_hours_per_user",
    CAST("a"."avg_age" AS DECIMAL(6,3)) AS "avg_user_age",
    CAST(coalesce("v"."total_sessions", 0) AS INTEGER) AS "total_sessions",
    CAST("v"."avg_minutes" AS DECIMAL(9,3)) AS "avg_session_duration",
    CAST(coalesce("v"."unique_content", 0) AS INTEGER) AS "unique_content_consumed"
FROM "audience" AS "a"
LEFT JOIN "viewing" AS "v" ON "v"."country" = "a"."country"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_country_insights" (
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
UPDATE "quarantine"."gold_country_insights" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."country_insights";
ALTER TABLE "gold"."__staging_country_insights__20260101T000000_abcdef" RENAME TO "country_insights";
CREATE OR REPLACE VIEW "dbo"."gold_country_insights" AS
SELECT "country", "total_users", "avg_watch_hours_per_user", "avg_user_age", "total_sessions", "avg_session_duration", "unique_content_consumed"
FROM "gold"."country_insights";
INSERT INTO "quarantine"."gold_country_insights" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_country_insights__20260101T000000_abcdef";
DROP TABLE "gold"."__held_country_insights__20260101T000000_abcdef";
COMMIT;
