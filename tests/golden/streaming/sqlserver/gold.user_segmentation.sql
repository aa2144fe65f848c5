-- create
IF OBJECT_ID(N'[gold].[user_segmentation]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[user_segmentation] (
    [user_segment] nvarchar(20) NOT NULL,
    [users_in_segment] int NOT NULL,
    [avg_watch_hours] decimal(9,3) NULL,
    [avg_sessions_per_user] decimal(9,3) NULL,
    [avg_unique_content] decimal(9,3) NULL,
    [segment_percentage] decimal(5,2) NULL,
    CONSTRAINT [PK_gold_user_segmentation] PRIMARY KEY CLUSTERED ([user_segment])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_user_segmentation__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_user_segmentation__20260101T000000_abcdef] (
    [user_segment] nvarchar(20) NULL,
    [users_in_segment] int NULL,
    [avg_watch_hours] decimal(9,3) NULL,
    [avg_sessions_per_user] decimal(9,3) NULL,
    [avg_unique_content] decimal(9,3) NULL,
    [segment_percentage] decimal(5,2) NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[gold_user_segmentation__20260101T000000_abcdef] WITH (TABLOCK) ([user_segment], [users_in_segment], [avg_watch_hours], [avg_sessions_per_user], [avg_unique_content], [segment_percentage])
SELECT [user_segment], [users_in_segment], [avg_watch_hours], [avg_sessions_per_user], [avg_unique_content], [segment_percentage]
FROM (
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
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_user_segmentation]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_user_segmentation] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL,
    CONSTRAINT [PK_quarantine_gold_user_segmentation] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_user_segmentation__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_user_segmentation__20260101T000000_abcdef] (
    [quarantine_id] nvarchar(100) NOT NULL,
    [load_id] nvarchar(64) NOT NULL,
    [quarantined_at] datetime2(3) NOT NULL,
    [source_file] nvarchar(400) NULL,
    [source_row] bigint NULL,
    [reasons] nvarchar(max) NOT NULL,
    [row_data] nvarchar(max) NOT NULL,
    [state] nvarchar(20) NOT NULL,
    [replay_load_id] nvarchar(64) NULL,
    [repairs] nvarchar(max) NULL
);

-- design
EXEC sys.sp_addextendedproperty N'MS_Description', N'Active users by segment', N'SCHEMA', N'gold', N'TABLE', N'user_segmentation';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_user_segmentation__20260101T000000_abcdef] ALTER COLUMN [user_segment] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[gold_user_segmentation__20260101T000000_abcdef] ALTER COLUMN [users_in_segment] int NOT NULL;
ALTER TABLE [staging].[gold_user_segmentation__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_user_segmentation__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([user_segment]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.user_segmentation', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.user_segmentation', 1;
    UPDATE [quarantine].[gold_user_segmentation] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[user_segmentation];
    ALTER TABLE [staging].[gold_user_segmentation__20260101T000000_abcdef] SWITCH TO [gold].[user_segmentation];
    INSERT INTO [quarantine].[gold_user_segmentation] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_user_segmentation__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[user_segmentation];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.user_segmentation', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'ddd83ce35866abded330b86977bb90db', N'', N'{}', N'{"user_segment": "nvarchar(20)", "users_in_segment": "int", "avg_watch_hours": "decimal(9,3)", "avg_sessions_per_user": "decimal(9,3)", "avg_unique_content": "decimal(9,3)", "segment_percentage": "decimal(5,2)"}', N'dbo.gold_user_segmentation', N'video_streaming', N'{"key": ["user_segment"], "load": "replace", "partition_by": null, "reading": "", "select": "af3f64ce2b88c587", "suite": "e1bf48fc1d7d7dc1", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[gold_user_segmentation]
AS
SELECT [user_segment], [users_in_segment], [avg_watch_hours], [avg_sessions_per_user], [avg_unique_content], [segment_percentage]
FROM [gold].[user_segmentation];';

-- in the transaction of publish
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NOT NULL
    GRANT SELECT ON OBJECT::[dbo].[gold_user_segmentation] TO [data_analyst];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_user_segmentation__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_user_segmentation__20260101T000000_abcdef];
