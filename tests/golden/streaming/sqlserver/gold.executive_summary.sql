-- create
IF OBJECT_ID(N'[gold].[executive_summary]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[executive_summary] (
    [metric_category] nvarchar(40) NOT NULL,
    [active_users_100h_plus] int NOT NULL,
    [total_content_catalog] int NOT NULL,
    [total_viewing_sessions] int NOT NULL,
    [avg_user_engagement_hours] decimal(9,2) NULL,
    [content_with_views] int NOT NULL,
    CONSTRAINT [PK_gold_executive_summary] PRIMARY KEY CLUSTERED ([metric_category])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[gold_executive_summary__20260101T000000_abcdef];
CREATE TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] (
    [metric_category] nvarchar(40) NULL,
    [active_users_100h_plus] int NULL,
    [total_content_catalog] int NULL,
    [total_viewing_sessions] int NULL,
    [avg_user_engagement_hours] decimal(9,2) NULL,
    [content_with_views] int NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[gold_executive_summary__20260101T000000_abcdef] WITH (TABLOCK) ([metric_category], [active_users_100h_plus], [total_content_catalog], [total_viewing_sessions], [avg_user_engagement_hours], [content_with_views])
SELECT [metric_category], [active_users_100h_plus], [total_content_catalog], [total_viewing_sessions], [avg_user_engagement_hours], [content_with_views]
FROM (
-- Titles with views are counted against the catalogue, so that this figure never exceeds the one beside it.
SELECT
    CAST(N'Platform Overview' AS nvarchar(40))      AS metric_category,
    CAST(u.active_users AS int)                     AS active_users_100h_plus,
    CAST(c.titles AS int)                           AS total_content_catalog,
    CAST(s.sessions AS int)                         AS total_viewing_sessions,
    CAST(u.avg_hours AS decimal(9,2))               AS avg_user_engagement_hours,
    CAST(v.titles AS int)                           AS content_with_views
FROM (SELECT COUNT(*) AS active_users, AVG(su.total_watch_time_hours) AS avg_hours FROM silver.users AS su) AS u
CROSS JOIN (SELECT COUNT(*) AS titles FROM silver.content AS sc) AS c
CROSS JOIN (SELECT COUNT(*) AS sessions FROM silver.viewing_sessions AS ss) AS s
CROSS JOIN (
    SELECT COUNT(DISTINCT vc.content_id) AS titles
    FROM silver.viewing_sessions AS vs
    INNER JOIN silver.content AS vc ON vc.content_id = vs.content_id
) AS v
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[gold_executive_summary]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[gold_executive_summary] (
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
    CONSTRAINT [PK_quarantine_gold_executive_summary] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_gold_executive_summary__20260101T000000_abcdef];
CREATE TABLE [staging].[held_gold_executive_summary__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'The platform in one row', N'SCHEMA', N'gold', N'TABLE', N'executive_summary';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] ALTER COLUMN [metric_category] nvarchar(40) NOT NULL;
ALTER TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] ALTER COLUMN [active_users_100h_plus] int NOT NULL;
ALTER TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] ALTER COLUMN [total_content_catalog] int NOT NULL;
ALTER TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] ALTER COLUMN [total_viewing_sessions] int NOT NULL;
ALTER TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] ALTER COLUMN [content_with_views] int NOT NULL;
ALTER TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] ADD CONSTRAINT [PK_gold_executive_summary__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([metric_category]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:gold.executive_summary', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing gold.executive_summary', 1;
    UPDATE [quarantine].[gold_executive_summary] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [gold].[executive_summary];
    ALTER TABLE [staging].[gold_executive_summary__20260101T000000_abcdef] SWITCH TO [gold].[executive_summary];
    INSERT INTO [quarantine].[gold_executive_summary] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_gold_executive_summary__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [gold].[executive_summary];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'gold.executive_summary', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'873d70158a78374396cbbc15a9d4129a', N'', N'{}', N'{"metric_category": "nvarchar(40)", "active_users_100h_plus": "int", "total_content_catalog": "int", "total_viewing_sessions": "int", "avg_user_engagement_hours": "decimal(9,2)", "content_with_views": "int"}', N'dbo.gold_executive_summary', N'video_streaming', N'{"key": ["metric_category"], "load": "replace", "partition_by": null, "reading": "", "select": "1677978ab6ab571f", "suite": "be1d794f6e2956a4", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[gold_executive_summary]
AS
SELECT [metric_category], [active_users_100h_plus], [total_content_catalog], [total_viewing_sessions], [avg_user_engagement_hours], [content_with_views]
FROM [gold].[executive_summary];';

-- in the transaction of publish
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NOT NULL
    GRANT SELECT ON OBJECT::[dbo].[gold_executive_summary] TO [data_analyst];

-- drop staging
DROP TABLE IF EXISTS [staging].[gold_executive_summary__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_gold_executive_summary__20260101T000000_abcdef];
