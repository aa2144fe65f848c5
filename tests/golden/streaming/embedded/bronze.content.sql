-- stage
CREATE TABLE IF NOT EXISTS "bronze"."__staging_content__20260101T000000_abcdef" (
    "content_id" VARCHAR NOT NULL,
    "content_type" VARCHAR,
    "title" VARCHAR,
    "genre" VARCHAR,
    "rating" DECIMAL(4,2),
    "production_budget" BIGINT,
    "duration_minutes" INTEGER,
    "release_year" INTEGER,
    "views_count" BIGINT,
    "seasons" INTEGER,
    "episodes_per_season" VARCHAR,
    "avg_episode_duration" INTEGER,
    "total_views" BIGINT,
    "_loaded_at" TIMESTAMP NOT NULL,
    "_source_file" VARCHAR NOT NULL,
    "_source_row" BIGINT NOT NULL,
    "_load_id" VARCHAR NOT NULL
)

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."bronze_content" (
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
UPDATE "quarantine"."bronze_content" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "bronze"."content";
ALTER TABLE "bronze"."__staging_content__20260101T000000_abcdef" RENAME TO "content";
INSERT INTO "quarantine"."bronze_content" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "bronze"."__held_content__20260101T000000_abcdef";
DROP TABLE "bronze"."__held_content__20260101T000000_abcdef";
COMMIT;
