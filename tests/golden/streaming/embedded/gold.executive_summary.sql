-- select (T-SQL)
-- Titles with views are counted against the catalogue, so that this figure never exceeds the one beside it.
SELECT
    CAST(N'Platform Overview' AS nvarchar(40))      AS metric_category,
    CAST(u.active_users AS int)                     AS active_users_100h_plus,
    CAST(c.titles AS int)                           AS total_content_catalog,
    CAST(s.sessions AS int)                         AS total_viewing_sessions,
    CAST(u.avg_hours AS decimal(9,2))               AS avg_user_engagement_hours,
    CAST(v.titles AS int)                           AS content_with_views
FROM (SELECT COUNT(*) AS active_users, AVG(su.total_watch_time_hours) AS avg_hours FROM silver.users AS su) AS u
CROSS JOIN (SELECT COUNT(*) AS titles FROM silver.content AS sc) AS c
CROSS JOIN (SELECT COUNT(*) AS sessions FROM silver.viewing_sessions AS ss) AS s
CROSS JOIN (
    SELECT COUNT(DISTINCT vc.content_id) AS titles
    FROM silver.viewing_sessions AS vs
    INNER JOIN silver.content AS vc ON vc.content_id = vs.content_id
) AS v

-- build
CREATE TABLE "gold"."__staging_executive_summary__20260101T000000_abcdef" AS
SELECT
    CAST(built."metric_category" AS VARCHAR) AS "metric_category",
    CAST(built."active_users_100h_plus" AS INTEGER) AS "active_users_100h_plus",
    CAST(built."total_content_catalog" AS INTEGER) AS "total_content_catalog",
    CAST(built."total_viewing_sessions" AS INTEGER) AS "total_viewing_sessions",
    CAST(built."avg_user_engagement_hours" AS DECIMAL(9,2)) AS "avg_user_engagement_hours",
    CAST(built."content_with_views" AS INTEGER) AS "content_with_views"
FROM (
SELECT
    'Platform Overview' AS "metric_category",
    CAST("u"."active_users" AS INTEGER) AS "active_users_100h_plus",
    CAST("c"."titles" AS INTEGER) AS "total_content_catalog",
    CAST("s"."sessions" AS INTEGER) AS "total_viewing_sessions",
    CAST("u"."avg_hours" AS DECIMAL(9,2)) AS "avg_user_engagement_hours",
    CAST("v"."titles" AS INTEGER) AS "content_with_views"
FROM (
    SELECT
        CAST(count(*) AS INTEGER) AS "active_users",
        CAST(tsql.quotient(sum("su"."total_watch_time_hours"), nullif(count("su"."total_watch_time_hours"), 0), 10, 100000, 1, 0.000001, 92233720368547) AS DECIMAL(38,6)) AS "avg_hours"
    FROM "silver"."users" AS "su"
) AS "u" ("active_users", "avg_hours")
CROSS JOIN (
    SELECT
        CAST(count(*) AS INTEGER) AS "titles"
    FROM "silver"."content" AS "sc"
) AS "c" ("titles")
CROSS JOIN (
    SELECT
        CAST(count(*) AS INTEGER) AS "sessions"
    FROM "silver"."viewing_sessions" AS "ss"
) AS "s" ("sessions")
CROSS JOIN (
    SELECT
        CAST(count(DISTINCT lower("vc"."content_id")) AS INTEGER) AS "titles"
    FROM "silver"."viewing_sessions" AS "vs"
    INNER JOIN "silver"."content" AS "vc" ON "vc"."content_id" = "vs"."content_id"
) AS "v" ("titles")
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_executive_summary" (
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
UPDATE "quarantine"."gold_executive_summary" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."executive_summary";
ALTER TABLE "gold"."__staging_executive_summary__20260101T000000_abcdef" RENAME TO "executive_summary";
CREATE OR REPLACE VIEW "dbo"."gold_executive_summary" AS
SELECT "metric_category", "active_users_100h_plus", "total_content_catalog", "total_viewing_sessions", "avg_user_engagement_hours", "content_with_views"
FROM "gold"."executive_summary";
INSERT INTO "quarantine"."gold_executive_summary" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_executive_summary__20260101T000000_abcdef";
DROP TABLE "gold"."__held_executive_summary__20260101T000000_abcdef";
COMMIT;
