-- select (T-SQL)
-- Every valid user, active or not, and those who never watched: zero sessions, no average, no device.
WITH viewing AS (
    SELECT
        s.user_id,
        COUNT(*)                                        AS total_sessions,
        SUM(CAST(s.watch_duration_minutes AS bigint))   AS total_minutes,
        AVG(s.completion_percentage)                    AS avg_completion,
        MAX(s.watch_date)                               AS last_activity
    FROM silver.all_viewing_sessions AS s
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
        FROM silver.[all_viewing_sessions] AS s
        GROUP BY s.user_id, s.device_type
    ) AS d
) AS ranked
WHERE ranked.place = 1
)
SELECT
    u.user_id                                       AS user_id,
    CAST(COALESCE(v.total_sessions, 0) AS int)      AS total_sessions,
    CAST(COALESCE(v.total_minutes, 0) AS bigint)    AS total_minutes,
    CAST(v.avg_completion AS decimal(5,2))          AS avg_completion,
    f.favorite_device                               AS favorite_device,
    v.last_activity                                 AS last_activity
FROM silver.all_users AS u
LEFT JOIN viewing AS v ON v.user_id = u.user_id
LEFT JOIN favorite AS f ON f.user_id = u.user_id

-- build
CREATE TABLE "gold"."__staging_user_metrics__20260101T000000_abcdef" AS
SELECT
    CAST(built."user_id" AS VARCHAR) AS "user_id",
    CAST(built."total_sessions" AS INTEGER) AS "total_sessions",
    CAST(built."total_minutes" AS BIGINT) AS "total_minutes",
    CAST(built."avg_completion" AS DECIMAL(5,2)) AS "avg_completion",
    CAST(built."favorite_device" AS VARCHAR) AS "favorite_device",
    CAST(built."last_activity" AS DATE) AS "last_activity"
FROM (
WITH "viewing" ("user_id", "total_sessions", "total_minutes", "avg_completion", "last_activity") AS (
    SELECT
        "s"."user_id" AS "user_id",
        CAST(count(*) AS INTEGER) AS "total_sessions",
        CAST(sum(CAST("s"."watch_duration_minutes" AS BIGINT)) AS BIGINT) AS "total_minutes",
        CAST(tsql.quotient(sum("s"."completion_percentage"), nullif(count("s"."completion_percentage"), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS "avg_completion",
        max("s"."watch_date") AS "last_activity"
    FROM "silver"."all_viewing_sessions" AS "s"
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
            FROM "silver"."all_viewing_sessions" AS "s"
            GROUP BY "s"."user_id", "s"."device_type"
        ) AS "d" ("user_id", "device_type", "sessions", "minutes")
    ) AS "ranked" ("user_id", "device_type", "place")
    WHERE "ranked"."place" = 1
)
SELECT
    "u"."user_id" AS "user_id",
    CAST(coalesce("v"."total_sessions", 0) AS INTEGER) AS "total_sessions",
    CAST(coalesce("v"."total_minutes", CAST(0 AS BIGINT)) AS BIGINT) AS "total_minutes",
    CAST("v"."avg_completion" AS DECIMAL(5,2)) AS "avg_completion",
    "f"."favorite_device" AS "favorite_device",
    "v"."last_activity" AS "last_activity"
FROM "silver"."all_users" AS "u"
LEFT JOIN "viewing" AS "v" ON "v"."user_id" = "u"."user_id"
LEFT JOIN "favorite" AS "f" ON "f"."user_id" = "u"."user_id"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_user_metrics" (
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
UPDATE "quarantine"."gold_user_metrics" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."user_metrics";
ALTER TABLE "gold"."__staging_user_metrics__20260101T000000_abcdef" RENAME TO "user_metrics";
INSERT INTO "quarantine"."gold_user_metrics" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_user_metrics__20260101T000000_abcdef";
DROP TABLE "gold"."__held_user_metrics__20260101T000000_abcdef";
COMMIT;
