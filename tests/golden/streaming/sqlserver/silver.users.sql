-- create
IF OBJECT_ID(N'[silver].[users]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[users] (
    [user_id] nvarchar(20) NOT NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [subscription_type] nvarchar(30) NULL,
    [signup_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL,
    CONSTRAINT [PK_silver_users] PRIMARY KEY CLUSTERED ([user_id])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_users__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_users__20260101T000000_abcdef] (
    [user_id] nvarchar(20) NULL,
    [age] int NULL,
    [country] nvarchar(60) NULL,
    [subscription_type] nvarchar(30) NULL,
    [signup_date] date NULL,
    [total_watch_time_hours] decimal(9,1) NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_users__20260101T000000_abcdef] WITH (TABLOCK) ([user_id], [age], [country], [subscription_type], [signup_date], [total_watch_time_hours])
SELECT [user_id], [age], [country], [subscription_type], [signup_date], [total_watch_time_hours]
FROM (
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
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_users]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_users] (
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
    CONSTRAINT [PK_quarantine_silver_users] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_users__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_users__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'Active users only', N'SCHEMA', N'silver', N'TABLE', N'users';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_users__20260101T000000_abcdef] ALTER COLUMN [user_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_users__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_users__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([user_id]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.users', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.users', 1;
    UPDATE [quarantine].[silver_users] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[users];
    ALTER TABLE [staging].[silver_users__20260101T000000_abcdef] SWITCH TO [silver].[users];
    INSERT INTO [quarantine].[silver_users] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_users__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[users];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.users', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'dfd6d20a291f11ea57053f9c9a552467', N'', N'{}', N'{"user_id": "nvarchar(20)", "age": "int", "country": "nvarchar(60)", "subscription_type": "nvarchar(30)", "signup_date": "date", "total_watch_time_hours": "decimal(9,1)"}', N'dbo.silver_users', N'video_streaming', N'{"key": ["user_id"], "load": "replace", "partition_by": null, "reading": "", "select": "ec17fbaa21912f96", "suite": "b8b7628696cddbae", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias
EXEC sys.sp_executesql N'CREATE OR ALTER VIEW [dbo].[silver_users]
AS
SELECT [user_id], [age], [country], [subscription_type], [signup_date], [total_watch_time_hours]
FROM [silver].[users];';

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_users__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_users__20260101T000000_abcdef];
