-- select (T-SQL)
-- Read from gold.user_analytics so that what a segment is stands in one place.
SELECT
    a.user_segment                                                      AS user_segment,
    CAST(COUNT(*) AS int)                                               AS users_in_segment,
    CAST(AVG(a.total_watch_time_hours) AS decimal(9,3))                 AS avg_watch_hours,
    CAST(AVG(CAST(a.total_sessions AS decimal(9,2))) AS decimal(9,3))   AS avg_sessions_per_user,
    CAST(AVG(CAST(a.unique_content_watched AS decimal(9,2))) AS decimal(9,3)) AS avg_unique_content,
    CAST(100.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS decimal(5,2))      AS segment_percentage
FROM gold.user_analytics AS a
GROUP BY a.user_segment

-- build
CREATE TABLE "gold"."__staging_user_segmentation__20260101T000000_abcdef" AS
SELECT
    CAST(built."user_segment" AS VARCHAR) AS "user_segment",
    CAST(built."users_in_segment" AS INTEGER) AS "users_in_segment",
    CAST(built."avg_watch_hours" AS DECIMAL(9,3)) AS "avg_watch_hours",
    CAST(built."avg_sessions_per_user" AS DECIMAL(9,3)) AS "avg_sessions_per_user",
    CAST(built."avg_unique_content" AS DECIMAL(9,3)) AS "avg_unique_content",
    CAST(built."segment_percentage" AS DECIMAL(5,2)) AS "segment_percentage"
FROM (
SELECT
    "a"."user_segment" AS "user_segment",
    CAST(CAST(count(*) AS INTEGER) AS INTEGER) AS "users_in_segment",
    CAST(CAST(tsql.quotient(sum("a"."total_watch_time_hours"), nullif(count("a"."total_watch_time_hours"), 0), 10, 100000, 1, 0.000001, 92233720368547) AS DECIMAL(38,6)) AS DECIMAL(9,3)) AS "avg_watch_hours",
    CAST(CAST(tsql.quotient(sum(CAST("a"."total_sessions" AS DECIMAL(9,2))), nullif(count(CAST("a"."total_sessions" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS DECIMAL(9,3)) AS "avg_sessions_per_user",
    CAST(CAST(tsql.quotient(sum(CAST("a"."unique_content_watched" AS DECIMAL(9,2))), nullif(count(CAST("a"."unique_content_watched" AS DECIMAL(9,2))), 0), 100, 10000, 1, 0.000001, 922337203685477) AS DECIMAL(38,6)) AS DECIMAL(9,3)) AS "avg_unique_content",
    CAST(CAST(tsql.quotient((100.0 * CAST(count(*) AS INTEGER)), tsql.nonzero(CAST(sum(CAST(count(*) AS INTEGER)) OVER () AS INTEGER)), 10, 100000000000, 1, 0.000000000001, 92233720) AS DECIMAL(26,12)) AS DECIMAL(5,2)) AS "segment_percentage"
FROM "gold"."user_analytics" AS "a"
GROUP BY "a"."user_segment"
) AS built

-- publish
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "quarantine"."gold_user_segmentation" (
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
UPDATE "quarantine"."gold_user_segmentation" SET state = 'superseded' WHERE state = 'held';
DROP TABLE IF EXISTS "gold"."user_segmentation";
ALTER TABLE "gold"."__staging_user_segmentation__20260101T000000_abcdef" RENAME TO "user_segmentation";
CREATE OR REPLACE VIEW "dbo"."gold_user_segmentation" AS
SELECT "user_segment", "users_in_segment", "avg_watch_hours", "avg_sessions_per_user", "avg_unique_content", "segment_percentage"
FROM "gold"."user_segmentation";
INSERT INTO "quarantine"."gold_user_segmentation" BY NAME
SELECT '20260101T000000_abcdef' || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM "gold"."__held_user_segmentation__20260101T000000_abcdef";
DROP TABLE "gold"."__held_user_segmentation__20260101T000000_abcdef";
COMMIT;
