-- select (T-SQL)
SELECT
    s.device_type                                                                   AS device_type,
    CAST(COUNT(*) AS int)                                                           AS total_sessions,
    CAST(AVG(CAST(s.watch_duration_minutes AS decimal(9,2))) AS decimal(9,3))       AS avg_session_duration,
    CAST(AVG(s.completion_percentage) AS decimal(5,2))                              AS avg_completion_percentage
FROM silver.all_viewing_sessions AS s
GROUP BY s.device_type

-- build
CREATE TABLE "gold"."__staging_device_usage__20260101T000000_abcdef" AS
SELECT
    CAST(built."device_type" AS VARCHAR) AS "device_type",
    CAST(built."total_sessions" AS INTEGER) AS "total_sessions",
    CAST(built."avg_session_duration" AS DECIMAL(9,3)) AS "avg_session_duration",
    CAST(built."avg_completion_percentage" AS DECIMAL(5,2)) AS "avg_completion_percentage"
FROM (
SELECT
    "s"."device_type" AS "device_type",
    CAST(CAST(count(*) AS INTEGER) AS INTEGER) AS "total_sessions",
    CAST(CAST(tsql.quotient(sum(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), nullif(count(CAST("s"."watch_duration_minutes" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS DECIMAL(9,3)) AS "avg_session_duration",
    CAST(CAST(tsql.quotient(sum("s"."completion_percentage"), nullif(count("s"."completion_percentage"), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS DECIMAL(5,2)) AS "avg_completion_percentage"
FROM "silver"."all_viewing_sessions" AS "s"
GROUP BY "s"."device_type"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_device_usage" (
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
UPDATE "quarantine"."gold_device_usage" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."device_usage";
ALTER TABLE "gold"."__staging_device_usage__20260101T000000_abcdef" RENAME TO "device_usage";
INSERT INTO "quarantine"."gold_device_usage" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_device_usage__20260101T000000_abcdef";
DROP TABLE "gold"."__held_device_usage__20260101T000000_abcdef";
COMMIT;
