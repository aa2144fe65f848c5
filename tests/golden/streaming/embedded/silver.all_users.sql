-- select (T-SQL)
-- Bronze holds one row a key already. Blanks are trimmed here, once, so that nothing further up has to
-- wonder whether a key or a name ends in one.
SELECT
    CAST(TRIM(u.user_id) AS nvarchar(20))             AS user_id,
    u.age                                             AS age,
    CAST(TRIM(u.country) AS nvarchar(60))             AS country,
    CAST(TRIM(u.subscription_type) AS nvarchar(30))   AS subscription_type,
    u.registration_date                               AS signup_date,
    u.total_watch_time_hours                          AS total_watch_time_hours
FROM bronze.users AS u

-- build
CREATE TABLE "silver"."__staging_all_users__20260101T000000_abcdef" AS
SELECT
    CAST(built."user_id" AS VARCHAR) AS "user_id",
    CAST(built."age" AS INTEGER) AS "age",
    CAST(built."country" AS VARCHAR) AS "country",
    CAST(built."subscription_type" AS VARCHAR) AS "subscription_type",
    CAST(built."signup_date" AS DATE) AS "signup_date",
    CAST(built."total_watch_time_hours" AS DECIMAL(9,1)) AS "total_watch_time_hours"
FROM (
SELECT
    trim("u"."user_id", ' ') AS "user_id",
    "u"."age" AS "age",
    trim("u"."country", ' ') AS "country",
    trim("u"."subscription_type", ' ') AS "subscription_type",
    "u"."registration_date" AS "signup_date",
    "u"."total_watch_time_hours" AS "total_watch_time_hours"
FROM "bronze"."users" AS "u"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."silver_all_users" (
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
UPDATE "quarantine"."silver_all_users" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "silver"."all_users";
ALTER TABLE "silver"."__staging_all_users__20260101T000000_abcdef" RENAME TO "all_users";
INSERT INTO "quarantine"."silver_all_users" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "silver"."__held_all_users__20260101T000000_abcdef";
DROP TABLE "silver"."__held_all_users__20260101T000000_abcdef";
COMMIT;
