-- stage
CREATE TABLE IF NOT EXISTS "bronze"."__staging_viewing_sessions__20260101T000000_abcdef" (
    "session_id" VARCHAR NOT NULL,
    "user_id" VARCHAR,
    "content_id" VARCHAR,
    "watch_date" DATE,
    "watch_duration_minutes" INTEGER,
    "completion_percentage" DECIMAL(5,2),
    "device_type" VARCHAR,
    "quality_level" VARCHAR,
    "_loaded_at" TIMESTAMP NOT NULL,
    "_source_file" VARCHAR NOT NULL,
    "_source_row" BIGINT NOT NULL,
    "_load_id" VARCHAR NOT NULL
)

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."bronze_viewing_sessions" (
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
UPDATE "quarantine"."bronze_viewing_sessions" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "bronze"."viewing_sessions";
ALTER TABLE "bronze"."__staging_viewing_sessions__20260101T000000_abcdef" RENAME TO "viewing_sessions";
INSERT INTO "quarantine"."bronze_viewing_sessions" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "bronze"."__held_viewing_sessions__20260101T000000_abcdef";
DROP TABLE "bronze"."__held_viewing_sessions__20260101T000000_abcdef";
COMMIT;
