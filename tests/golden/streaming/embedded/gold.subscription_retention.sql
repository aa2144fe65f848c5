-- select (T-SQL)
-- A cohort is the month of a user's first session, over all valid sessions: people who left must stay in
-- it, else nothing would ever be lost. Users are counted once a month.
WITH months AS (
    SELECT s.user_id, DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1) AS month
    FROM silver.all_viewing_sessions AS s
    GROUP BY s.user_id, DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1)
),
watched AS (
    SELECT m.user_id, m.month, MIN(m.month) OVER (PARTITION BY m.user_id) AS cohort_month
    FROM months AS m
)
SELECT
    u.subscription_type                                 AS subscription_type,
    w.cohort_month                                      AS cohort_month,
    DATEDIFF(MONTH, w.cohort_month, w.month)            AS months_since,
    CAST(COUNT(*) AS int)                               AS active_users
FROM watched AS w
INNER JOIN silver.all_users AS u ON u.user_id = w.user_id
GROUP BY u.subscription_type, w.cohort_month, DATEDIFF(MONTH, w.cohort_month, w.month)

-- build
CREATE TABLE "gold"."__staging_subscription_retention__20260101T000000_abcdef" AS
SELECT
    CAST(built."subscription_type" AS VARCHAR) AS "subscription_type",
    CAST(built."cohort_month" AS DATE) AS "cohort_month",
    CAST(built."months_since" AS INTEGER) AS "months_since",
    CAST(built."active_users" AS INTEGER) AS "active_users"
FROM (
WITH "months" ("user_id", "month") AS (
    SELECT
        "s"."user_id" AS "user_id",
        make_date(CAST(year("s"."watch_date") AS INTEGER), CAST(month("s"."watch_date") AS INTEGER), 1) AS "month"
    FROM "silver"."all_viewing_sessions" AS "s"
    GROUP BY "s"."user_id", make_date(CAST(year("s"."watch_date") AS INTEGER), CAST(month("s"."watch_date") AS INTEGER), 1)
), "watched" ("user_id", "month", "cohort_month") AS (
    SELECT
        "m"."user_id" AS "user_id",
        "m"."month" AS "month",
        min("m"."month") OVER (PARTITION BY "m"."user_id") AS "cohort_month"
    FROM "months" AS "m"
)
SELECT
    "u"."subscription_type" AS "subscription_type",
    "w"."cohort_month" AS "cohort_month",
    CAST(date_diff('month', "w"."cohort_month", "w"."month") AS INTEGER) AS "months_since",
    CAST(CAST(count(*) AS INTEGER) AS INTEGER) AS "active_users"
FROM "watched" AS "w"
INNER JOIN "silver"."all_users" AS "u" ON "u"."user_id" = "w"."user_id"
GROUP BY "u"."subscription_type", "w"."cohort_month", CAST(date_diff('month', "w"."cohort_month", "w"."month") AS INTEGER)
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_subscription_retention" (
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
UPDATE "quarantine"."gold_subscription_retention" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."subscription_retention";
ALTER TABLE "gold"."__staging_subscription_retention__20260101T000000_abcdef" RENAME TO "subscription_retention";
INSERT INTO "quarantine"."gold_subscription_retention" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_subscription_retention__20260101T000000_abcdef";
DROP TABLE "gold"."__held_subscription_retention__20260101T000000_abcdef";
COMMIT;
