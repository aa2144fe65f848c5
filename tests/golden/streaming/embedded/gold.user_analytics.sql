-- select (T-SQL)
-- LEFT JOINs keep an active user without a session: zero sessions and minutes, but no average of nothing.
WITH viewing AS (
    SELECT
        s.user_id,
        COUNT(*)                                                AS total_sessions,
        SUM(CAST(s.watch_duration_minutes AS bigint))           AS total_minutes,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        AVG(s.completion_percentage)                            AS avg_completion,
        COUNT(DISTINCT s.content_id)                            AS unique_content,
        MAX(s.watch_date)                                       AS last_activity
    FROM silver.viewing_sessions AS s
    GROUP BY s.user_id
),
favorite AS (
SELECT ranked.user_id, ranked.device_type AS favorite_device
FROM (
    SELECT
        d.user_id,
        d.device_type,
        ROW_NUMBER() OVER (PARTITION BY d.user_id ORDER BY d.sessions DESC, d.minutes DESC, d.device_type) AS place
    FROM (
        SELECT
            s.user_id,
            s.device_type,
            COUNT(*) AS sessions,
            SUM(CAST(s.watch_duration_minutes AS bigint)) AS minutes
        FROM silver.[viewing_sessions] AS s
        GROUP BY s.user_id, s.device_type
    ) AS d
) AS ranked
WHERE ranked.place = 1
)
SELECT
    u.user_id                                                   AS user_id,
    u.age                                                       AS age,
    u.country                                                   AS country,
    u.signup_date                                               AS signup_date,
    u.total_watch_time_hours                                    AS total_watch_time_hours,
    CAST(COALESCE(v.total_sessions, 0) AS int)                  AS total_sessions,
    CAST(v.avg_minutes AS decimal(9,3))                         AS avg_session_duration,
    CAST(COALESCE(v.total_minutes, 0) AS bigint)                AS total_minutes_watched,
    CAST(COALESCE(v.unique_content, 0) AS int)                  AS unique_content_watched,
    CAST(CASE
        WHEN u.total_watch_time_hours >= 500 THEN N'Power User'
        WHEN u.total_watch_time_hours >= 300 THEN N'Heavy User'
        WHEN u.total_watch_time_hours >= 150 THEN N'Regular User'
        ELSE N'Light User'
    END AS nvarchar(20))                                        AS user_segment,
    -- As of the run's logical date, so that a rerun of an old day gives that day's figures.
    DATEDIFF(DAY, u.signup_date, CAST('2024-09-01' AS date))  AS days_since_signup,
    u.subscription_type                                         AS subscription_type,
    CAST(v.avg_completion AS decimal(5,2))                      AS avg_completion_percentage,
    f.favorite_device                                           AS favorite_device,
    v.last_activity                                             AS last_activity
FROM silver.users AS u
LEFT JOIN viewing AS v ON v.user_id = u.user_id
LEFT JOIN favorite AS f ON f.user_id = u.user_id

-- build
CREATE TABLE "gold"."__staging_user_analytics__20260101T000000_abcdef" AS
SELECT
    CAST(built."user_id" AS VARCHAR) AS "user_id",
    CAST(built."age" AS INTEGER) AS "age",
    CAST(built."country" AS VARCHAR) AS "country",
    CAST(built."signup_date" AS DATE) AS "signup_date",
    CAST(built."total_watch_time_hours" AS DECIMAL(9,1)) AS "total_watch_time_hours",
    CAST(built."total_sessions" AS INTEGER) AS "total_sessions",
    CAST(built."avg_session_duration" AS DECIMAL(9,3)) AS "avg_session_duration",
    CAST(built."total_minutes_watched" AS BIGINT) AS "total_minutes_watched",
    CAST(built."unique_content_watched" AS INTEGER) AS "unique_content_watched",
    CAST(built."user_segment" AS VARCHAR) AS "user_segment",
    CAST(built."days_since_signup" AS INTEGER) AS "days_since_signup",
    CAST(built."subscription_type" AS VARCHAR) AS "subscription_type",
    CAST(built."avg_completion_percentage" AS DECIMAL(5,2)) AS "avg_completion_percentage",
    CAST(built."favorite_device" AS VARCHAR) AS "favorite_device",
    CAST(built."last_activity" AS DATE) AS "last_activity"
FROM (
WITH "viewing" ("user_id", "total_sessions", "total_minutes", "avg_minutes", "avg_completion", "unique_content", "last_activity") AS (
    SELECT
        "s"."user_id" AS "user_id",
        CAST(count(*) AS INTEGER) AS "total_sessions",
        CAST(sum(CAST("s"."watch_duration_minutes" AS BIGINT)) AS BIGINT) AS "total_minutes",
        CAST(tsql.quotient(sum(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), nullif(count(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_minutes",
        CAST(tsql.quotient(sum("s"."completion_percentage"), nullif(count("s"."completion_percentage"), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_completion",
        CAST(count(DISTINCT lower("s"."content_id")) AS INTEGER) AS "unique_content",
        max("s"."watch_date") AS "last_activity"
    FROM "silver"."viewing_sessions" AS "s"
    GROUP BY "s"."user_id"
), "favorite" ("user_id", "favorite_device") AS (
    SELECT
        "ranked"."user_id" AS "user_id",
        "ranked"."device_type" AS "favorite_device"
    FROM (
        SELECT
            "d"."user_id" AS "user_id",
            "d"."device_type" AS "device_type",
            row_number() OVER (PARTITION BY "d"."user_id" ORDER BY "d"."sessions" DESC, "d"."minutes" DESC NULLS LAST, "d"."device_type" NULLS FIRST) AS "place"
        FROM (
            SELECT
                "s"."user_id" AS "user_id",
                "s"."device_type" AS "device_type",
                CAST(count(*) AS INTEGER) AS "sessions",
                CAST(sum(CAST("s"."watch_duration_minutes" AS BIGINT)) AS BIGINT) AS "minutes"
            FROM "silver"."viewing_sessions" AS "s"
            GROUP BY "s"."user_id", "s"."device_type"
        ) AS "d" ("user_id", "device_type", "sessions", "minutes")
    ) AS "ranked" ("user_id", "device_type", "place")
    WHERE "ranked"."place" = 1
)
SELECT
    "u"."user_id" AS "user_id",
    "u"."age" AS "age",
    "u"."country" AS "country",
    "u"."signup_date" AS "signup_date",
    "u"."total_watch_time_hours" AS "total_watch_time_hours",
    CAST(coalesce("v"."total_sessions", 0) AS INTEGER) AS "total_sessions",
    CAST("v"."avg_minutes" AS DECIMAL(9,3)) AS "avg_session_duration",
    CAST(coalesce("v"."total_minutes", CAST(0 AS BIGINT)) AS BIGINT) AS "total_minutes_watched",
    CAST(coalesce("v"."unique_content", 0) AS INTEGER) AS "unique_content_watched",
    CASE WHEN "u"."total_watch_time_hours" >= 500 THEN 'Power User' WHEN "u"."total_watch_time_hours" >= 300 THEN 'Heavy User' WHEN "u"."total_watch_time_hours" >= 150 THEN 'Regular User' ELSE 'Light User' END AS "user_segment",
    CAST(date_diff('day', "u"."signup_date", DATE '2024-09-01') AS INTEGER) AS "days_since_signup",
    "u"."subscription_type" AS "subscription_type",
    CAST("v"."avg_completion" AS DECIMAL(5,2)) AS "avg_completion_percentage",
    "f"."favorite_device" AS "favorite_device",
    "v"."last_activity" AS "last_activity"
FROM "silver"."users" AS "u"
LEFT JOIN "viewing" AS "v" ON "v"."user_id" = "u"."user_id"
LEFT JOIN "favorite" AS "f" ON "f"."user_id" = "u"."user_id"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_user_analytics" (
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
UPDATE "quarantine"."gold_user_analytics" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."user_analytics";
ALTER TABLE "gold"."__staging_user_analytics__20260101T000000_abcdef" RENAME TO "user_analytics";
CREATE OR REPLACE VIEW "dbo"."gold_user_analytics" AS
SELECT "user_id", "age", "country", "signup_date", "total_watch_time_hours", "total_sessions", "avg_session_duration", "total_minutes_watched", "unique_content_watched", "user_segment", "days_since_signup", "subscription_type", "avg_completion_percentage", "favorite_device", "last_activity"
FROM "gold"."user_analytics";
INSERT INTO "quarantine"."gold_user_analytics" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_user_analytics__20260101T000000_abcdef";
DROP TABLE "gold"."__held_user_analytics__20260101T000000_abcdef";
COMMIT;
