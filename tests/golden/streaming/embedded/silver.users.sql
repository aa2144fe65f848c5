-- select (T-SQL)
-- Active is a business rule, not a fault: the other users stay in silver.all_users, nothing is quarantined.
SELECT
    u.user_id,
    u.age,
    u.country,
    u.subscription_type,
    u.signup_date,
    u.total_watch_time_hours
FROM silver.all_users AS u
WHERE u.total_watch_time_hours > 100

-- build
CREATE TABLE "silver"."__staging_users__20260101T000000_abcdef" AS
SELECT
    CAST(built."user_id" AS VARCHAR) AS "user_id",
    CAST(built."age" AS INTEGER) AS "age",
    CAST(built."country" AS VARCHAR) AS "country",
    CAST(built."subscription_type" AS VARCHAR) AS "subscription_type",
    CAST(built."signup_date" AS DATE) AS "signup_date",
    CAST(built."total_watch_time_hours" AS DECIMAL(9,1)) AS "total_watch_time_hours"
FROM (
SELECT
    "u"."user_id" AS "user_id",
    "u"."age" AS "age",
    "u"."country" AS "country",
    "u"."subscription_type" AS "subscription_type",
    "u"."signup_date" AS "signup_date",
    "u"."total_watch_time_hours" AS "total_watch_time_hours"
FROM "silver"."all_users" AS "u"
WHERE "u"."total_watch_time_hours" > 100
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_users" (
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
UPDATE "quarantine"."silver_users" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."users";
ALTER TABLE "silver"."__staging_users__20260101T000000_abcdef" RENAME TO "users";
CREATE OR REPLACE VIEW "dbo"."silver_users" AS
SELECT "user_id", "age", "country", "subscription_type", "signup_date", "total_watch_time_hours"
FROM "silver"."users";
INSERT INTO "quarantine"."silver_users" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_users__20260101T000000_abcdef";
DROP TABLE "silver"."__held_users__20260101T000000_abcdef";
COMMIT;
