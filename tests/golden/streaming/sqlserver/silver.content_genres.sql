-- create
IF OBJECT_ID(N'[silver].[content_genres]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[content_genres] (
    [content_id] nvarchar(20) NOT NULL,
    [genre] nvarchar(40) NOT NULL,
    CONSTRAINT [PK_silver_content_genres] PRIMARY KEY CLUSTERED ([content_id], [genre])
);
END;

-- create staging
DROP TABLE IF EXISTS [staging].[silver_content_genres__20260101T000000_abcdef];
CREATE TABLE [staging].[silver_content_genres__20260101T000000_abcdef] (
    [content_id] nvarchar(20) NULL,
    [genre] nvarchar(40) NULL
);

-- build
SET XACT_ABORT ON;
INSERT INTO [staging].[silver_content_genres__20260101T000000_abcdef] WITH (TABLOCK) ([content_id], [genre])
SELECT [content_id], [genre]
FROM (
-- DISTINCT because a title that lists a genre twice still has it once.
SELECT DISTINCT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(TRIM(g.genre) AS nvarchar(40))        AS genre
FROM bronze.content AS c
CROSS APPLY OPENJSON(c.genre) WITH (genre nvarchar(40) '$') AS g
) AS [built];

-- create quarantine
IF OBJECT_ID(N'[quarantine].[silver_content_genres]', N'U') IS NULL
BEGIN
CREATE TABLE [quarantine].[silver_content_genres] (
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
    CONSTRAINT [PK_quarantine_silver_content_genres] PRIMARY KEY CLUSTERED ([quarantine_id])
);
END;

-- create held
DROP TABLE IF EXISTS [staging].[held_silver_content_genres__20260101T000000_abcdef];
CREATE TABLE [staging].[held_silver_content_genres__20260101T000000_abcdef] (
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
EXEC sys.sp_addextendedproperty N'MS_Description', N'One row a title and genre', N'SCHEMA', N'silver', N'TABLE', N'content_genres';

-- seal staging
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_content_genres__20260101T000000_abcdef] ALTER COLUMN [content_id] nvarchar(20) NOT NULL;
ALTER TABLE [staging].[silver_content_genres__20260101T000000_abcdef] ALTER COLUMN [genre] nvarchar(40) NOT NULL;
ALTER TABLE [staging].[silver_content_genres__20260101T000000_abcdef] ADD CONSTRAINT [PK_silver_content_genres__20260101T000000_abcdef] PRIMARY KEY CLUSTERED ([content_id], [genre]);

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.content_genres', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.content_genres', 1;
    UPDATE [quarantine].[silver_content_genres] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [silver].[content_genres];
    ALTER TABLE [staging].[silver_content_genres__20260101T000000_abcdef] SWITCH TO [silver].[content_genres];
    INSERT INTO [quarantine].[silver_content_genres] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_content_genres__20260101T000000_abcdef];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[content_genres];
    SET @inserted = @total;
    INSERT INTO [ops].[loads] ([table_name], [load_id], [number], [state], [strategy], [verdict], [logical_date], [started_at], [finished_at], [rows_read], [rows_filtered], [rows_staged], [rows_duplicate], [rows_quarantined], [rows_published], [rows_unchanged], [rows_removed], [rows_total], [seconds_load], [seconds_gate], [seconds_publish], [definition], [fingerprint], [inputs], [columns], [alias], [project], [declared], [error])
VALUES (N'silver.content_genres', N'20260101T000000_abcdef', 0, N'published', N'replace', N'', CAST('2026-01-01' AS date), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), CAST('2026-01-01T00:00:00.000000' AS datetime2(6)), 0, 0, 0, 0, @quarantined, @inserted + @updated, @unchanged, @removed, @total, 0.0, 0.0, 0.0, N'84f993289e3d439100a956d387e6ed9c', N'', N'{}', N'{"content_id": "nvarchar(20)", "genre": "nvarchar(40)"}', NULL, N'video_streaming', N'{"key": ["content_id", "genre"], "load": "replace", "partition_by": null, "reading": "", "select": "a436824b2d9e422e", "suite": "b006fd43ce8ae520", "watermark": "", "watermark_is": ""}', NULL);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop staging
DROP TABLE IF EXISTS [staging].[silver_content_genres__20260101T000000_abcdef];
DROP TABLE IF EXISTS [staging].[held_silver_content_genres__20260101T000000_abcdef];
