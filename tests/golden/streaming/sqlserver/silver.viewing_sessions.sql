-- create
IF OBJECT_ID(N'[silver].[viewing_sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[viewing_sessions] (
    [session_id] nvarchar(20) NOT NULL,
    [user_id] nvarchar(20) NULL,
    [content_id] nvarchar(20) NULL,
    [watch_date] date NULL,
    [watch_duration_minutes] int NULL,
    [completion_percentage] decimal(5,2) NULL,
    [device_type] nvarchar(40) NULL,
    [quality_level] nvarchar(10) NULL,
    CONSTRAINT [PK_silver_viewing_sessions] PRIMARY KEY NONCLUSTERED ([session_id])
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_viewing_sessions] ON [silver].[viewing_sessions];
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_viewing_sessions__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_viewing_sessions__20260101T000000_abcdef] (
    [session_id] nvarchar(20) NULL,
    [user_id] nvarchar(20) NULL,
    [content_id] nvarchar(20) NULL,
    [watch_date] date NULL,
    [watch_duration_minutes] int NULL,
    [completion_percentage] decimal(5,2) NULL,
    [device_type] nvarchar(40) NULL,
    [quality_level] nvarchar(10) NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_viewing_sessions__20260101T000000_abcdef] WITH (TABLOCK) ([session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level])
SELECT [session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level]
FROM (
-- user_id is the key of silver.users, so the join keeps or drops a session and never doubles one.
SELECT
    s.session_id,
    s.user_id,
    s.content_id,
    s.watch_date,
    s.watch_duration_minutes,
    s.completion_percentage,
    s.device_type,
    s.quality_level
FROM silver.all_viewing_sessions AS s
INNER JOIN silver.users AS u ON u.user_id = s.user_id
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_viewing_sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_viewing_sessions] (
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
    CONSTRAINT [PK_quarantine_silver_viewing_sessions] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_viewing_sessions__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_viewing_sessions__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'Valid viewing sessions of active users', N'SCHEMA', N'silver', N'TABLE', N'viewing_sessions';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_viewing_sessions__20260101T000000_abcdef] ALTER COLUMN [session_id] nvarchar(20) NOT NULL;
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_viewing_sessions__20260101T000000_abcdef] ON [staging].[silver_viewing_sessions__20260101T000000_abcdef];
ALTER TABLE [staging].[silver_viewing_sessions__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_viewing_sessions__20260101T000000_abcdef] PRIMARY KEY NONCLUSTERED ([session_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.viewing_sessions', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.viewing_sessions', 1;
    UPDATE [quarantine].[silver_viewing_sessions] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[viewing_sessions];
    ALTER TABLE [staging].[silver_viewing_sessions__20260101T000000_abcdef] SWITCH TO [silver].[viewing_sessions];
    INSERT INTO [quarantine].[silver_viewing_sessions] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_viewing_sessions__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[viewing_sessions];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.viewing_sessions', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'26872014d2e22ad035b207c6a5cb54cd', N'', N'{}', N'{"session_id": "nvarchar(20)", "user_id": "nvarchar(20)", "content_id": "nvarchar(20)", "watch_date": "date", "watch_duration_minutes": "int", "completion_percentage": "decimal(5,2)", "device_type": "nvarchar(40)", "quality_level": "nvarchar(10)"}', N'dbo.silver_viewing_sessions', N'video_streaming', N'{"key": ["session_id"], "load": "replace", "partition_by": null, "reading": "", "select": "396c9e2d85e735b0", "suite": "98f1214b8c76fe80", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[silver_viewing_sessions]
AS
SELECT [session_id], [user_id], [content_id], [watch_date], [watch_duration_minutes], [completion_percentage], [device_type], [quality_level]
FROM [silver].[viewing_sessions];';

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_viewing_sessions__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_viewing_sessions__20260101T000000_abcdef];
