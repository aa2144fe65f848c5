-- select (T-SQL)
-- user_id is the key of silver.users, so the join keeps or drops a session and never doubles one.
SELECT
    s.session_id,
    s.user_id,
    s.content_id,
    s.watch_date,
    s.watch_duration_minutes,
    s.completion_percentage,
    s.device_type,
    s.quality_level
FROM silver.all_viewing_sessions AS s
INNER JOIN silver.users AS u ON u.user_id = s.user_id

-- build
CREATE TABLE "silver"."__staging_viewing_sessions__20260101T000000_abcdef" AS
SELECT
    CAST(built."session_id" AS VARCHAR) AS "session_id",
    CAST(built."user_id" AS VARCHAR) AS "user_id",
    CAST(built."content_id" AS VARCHAR) AS "content_id",
    CAST(built."watch_date" AS DATE) AS "watch_date",
    CAST(built."watch_duration_minutes" AS INTEGER) AS "watch_duration_minutes",
    CAST(built."completion_percentage" AS DECIMAL(5,2)) AS "completion_percentage",
    CAST(built."device_type" AS VARCHAR) AS "device_type",
    CAST(built."quality_level" AS VARCHAR) AS "quality_level"
FROM (
SELECT
    "s"."session_id" AS "session_id",
    "s"."user_id" AS "user_id",
    "s"."content_id" AS "content_id",
    "s"."watch_date" AS "watch_date",
    "s"."watch_duration_minutes" AS "watch_duration_minutes",
    "s"."completion_percentage" AS "completion_percentage",
    "s"."device_type" AS "device_type",
    "s"."quality_level" AS "quality_level"
FROM "silver"."all_viewing_sessions" AS "s"
INNER JOIN "silver"."users" AS "u" ON "u"."user_id" = "s"."user_id"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_viewing_sessions" (
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
UPDATE "quarantine"."silver_viewing_sessions" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."viewing_sessions";
ALTER TABLE "silver"."__staging_viewing_sessions__20260101T000000_abcdef" RENAME TO "viewing_sessions";
CREATE OR REPLACE VIEW "dbo"."silver_viewing_sessions" AS
SELECT "session_id", "user_id", "content_id", "watch_date", "watch_duration_minutes", "completion_percentage", "device_type", "quality_level"
FROM "silver"."viewing_sessions";
INSERT INTO "quarantine"."silver_viewing_sessions" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_viewing_sessions__20260101T000000_abcdef";
DROP TABLE "silver"."__held_viewing_sessions__20260101T000000_abcdef";
COMMIT;
