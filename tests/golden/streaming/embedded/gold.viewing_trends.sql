-- select (T-SQL)
SELECT
    DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1)       AS month,
    CAST(COUNT(*) AS int)                                           AS total_sessions,
    CAST(SUM(CAST(s.watch_duration_minutes AS bigint)) AS bigint)   AS total_minutes,
    CAST(AVG(s.completion_percentage) AS decimal(5,2))              AS avg_completion_percentage
FROM silver.all_viewing_sessions AS s
GROUP BY DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1)

-- build
CREATE TABLE "gold"."__staging_viewing_trends__20260101T000000_abcdef" AS
SELECT
    CAST(built."month" AS DATE) AS "month",
    CAST(built."total_sessions" AS INTEGER) AS "total_sessions",
    CAST(built."total_minutes" AS BIGINT) AS "total_minutes",
    CAST(built."avg_completion_percentage" AS DECIMAL(5,2)) AS "avg_completion_percentage"
FROM (
SELECT
    make_date(CAST(year("s"."watch_date") AS INTEGER), CAST(month("s"."watch_date") AS INTEGER), 1) AS "month",
    CAST(CAST(count(*) AS INTEGER) AS INTEGER) AS "total_sessions",
    CAST(CAST(sum(CAST("s"."watch_duration_minutes" AS BIGINT)) AS BIGINT) AS BIGINT) AS "total_minutes",
    CAST(CAST(tsql.quotient(sum("s"."completion_percentage"), nullif(count("s"."completion_percentage"), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS DECIMAL(5,2)) AS "avg_completion_percentage"
FROM "silver"."all_viewing_sessions" AS "s"
GROUP BY make_date(CAST(year("s"."watch_date") AS INTEGER), CAST(month("s"."watch_date") AS INTEGER), 1)
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_viewing_trends" (
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
UPDATE "quarantine"."gold_viewing_trends" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."viewing_trends";
ALTER TABLE "gold"."__staging_viewing_trends__20260101T000000_abcdef" RENAME TO "viewing_trends";
INSERT INTO "quarantine"."gold_viewing_trends" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_viewing_trends__20260101T000000_abcdef";
DROP TABLE "gold"."__held_viewing_trends__20260101T000000_abcdef";
COMMIT;
