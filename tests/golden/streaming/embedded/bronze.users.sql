-- stage
CREATE TABLE IF NOT EXISTS "bronze"."__staging_users__20260101T000000_abcdef" (
    "user_id" VARCHAR NOT NULL,
    "age" INTEGER,
    "country" VARCHAR,
    "subscription_type" VARCHAR,
    "registration_date" DATE,
    "total_watch_time_hours" DECIMAL(9,1),
    "_loaded_at" TIMESTAMP NOT NULL,
    "_source_file" VARCHAR NOT NULL,
    "_source_row" BIGINT NOT NULL,
    "_load_id" VARCHAR NOT NULL
)

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."bronze_users" (
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
UPDATE "quarantine"."bronze_users" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "bronze"."users";
ALTER TABLE "bronze"."__staging_users__20260101T000000_abcdef" RENAME TO "users";
INSERT INTO "quarantine"."bronze_users" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "bronze"."__held_users__20260101T000000_abcdef";
DROP TABLE "bronze"."__held_users__20260101T000000_abcdef";
COMMIT;
