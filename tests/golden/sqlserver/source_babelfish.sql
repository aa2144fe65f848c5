-- create_table
IF OBJECT_ID(N'[bronze].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [bronze].[sessions] (
    [id] bigint NOT NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [device] nvarchar(40) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL,
    CONSTRAINT [PK_bronze_sessions] PRIMARY KEY CLUSTERED ([id])
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[bronze_sessions__20261120T231501_4f3a9c];
CREATE TABLE [staging].[bronze_sessions__20261120T231501_4f3a9c] (
    [id] bigint NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [device] nvarchar(40) NULL,
    [_loaded_at] datetime2(3) NOT NULL,
    [_source_file] nvarchar(400) NOT NULL,
    [_source_row] bigint NOT NULL,
    [_load_id] nvarchar(64) NOT NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_bronze_sessions__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_bronze_sessions__20261120T231501_4f3a9c] (
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

-- hold
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @held bigint, @moved bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    INSERT INTO [staging].[held_bronze_sessions__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        [_source_file],
        [_source_row],
        N'[' + STUFF(CONCAT(CAST(N'' AS nvarchar(max)),
            CASE WHEN ([id] IS NULL) THEN N',"the key''s \"part\" isn''t there: [id] IS NULL"' END), 1, 1, N'') + N']',
        (SELECT [id], [watched], [minutes], [device] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [staging].[bronze_sessions__20261120T231501_4f3a9c]
    WHERE ([id] IS NULL);
    SET @held = ROWCOUNT_BIG();
    DELETE FROM [staging].[bronze_sessions__20261120T231501_4f3a9c] WITH (TABLOCK)
    WHERE ([id] IS NULL);
    SET @moved = ROWCOUNT_BIG();
    IF @held <> @moved
        THROW 50003, N'rows held and rows removed differ in bronze.sessions', 1;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @held AS [held];

-- dedupe
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @dropped bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id],
        CASE WHEN [id] IS NOT NULL
            THEN ROW_NUMBER() OVER (PARTITION BY [id] ORDER BY [_load_id] DESC) ELSE 1 END AS [__rank]
    INTO [#ranked]
    FROM [staging].[bronze_sessions__20261120T231501_4f3a9c];
    TRUNCATE TABLE [staging].[bronze_sessions__20261120T231501_4f3a9c];
    INSERT INTO [staging].[bronze_sessions__20261120T231501_4f3a9c] WITH (TABLOCK) ([id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id])
    SELECT [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id] FROM [#ranked] WHERE [__rank] = 1;
    SELECT @dropped = COUNT_BIG(*) FROM [#ranked] WHERE [__rank] > 1;
    DROP TABLE [#ranked];
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @dropped AS [dropped];

-- settle_keys
SET XACT_ABORT ON;
SET NOCOUNT ON;
DECLARE @lost bigint, @held bigint = 0, @dropped bigint = 0;
IF EXISTS (SELECT 1 FROM [staging].[bronze_sessions__20261120T231501_4f3a9c] GROUP BY [id] HAVING COUNT_BIG(*) > 1)
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT TOP (0) [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id] INTO [#lost] FROM [staging].[bronze_sessions__20261120T231501_4f3a9c];
    INSERT INTO [#lost] ([id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id])
    SELECT [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id]
    FROM (
        SELECT [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id],
            ROW_NUMBER() OVER (PARTITION BY [id] ORDER BY [_source_file] DESC, [_source_row] DESC) AS [rank]
        FROM [staging].[bronze_sessions__20261120T231501_4f3a9c]
        WHERE [id] IS NOT NULL
    ) AS [ranked]
    WHERE [rank] > 1;
    DELETE [row]
    FROM [staging].[bronze_sessions__20261120T231501_4f3a9c] AS [row]
    INNER JOIN [#lost] AS [lost] ON [lost].[_source_file] = [row].[_source_file] AND [lost].[_source_row] = [row].[_source_row];
    SET @lost = ROWCOUNT_BIG();
    INSERT INTO [staging].[held_bronze_sessions__20261120T231501_4f3a9c] WITH (TABLOCK) ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        N'',
        N'20261120T231501_4f3a9c',
        SYSUTCDATETIME(),
        [lost].[_source_file],
        [lost].[_source_row],
        N'["' + STRING_ESCAPE(CONCAT(N'id: the key stands again, with other values, in row ',
            [kept].[_source_row], N' of ', [kept].[_source_file]), 'json') + N'"]',
        (SELECT [lost].[id], [lost].[watched], [lost].[minutes], [lost].[device] FOR JSON PATH, INCLUDE_NULL_VALUES, WITHOUT_ARRAY_WRAPPER),
        N'held',
        NULL,
        NULL
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_sessions__20261120T231501_4f3a9c] AS [kept] ON [kept].[id] = [lost].[id]
    WHERE EXISTS (SELECT [lost].[id], [lost].[watched], [lost].[minutes], CAST([lost].[device] AS varbinary(8000)) EXCEPT SELECT [kept].[id], [kept].[watched], [kept].[minutes], CAST([kept].[device] AS varbinary(8000)));
    SET @held = ROWCOUNT_BIG();
    SELECT @dropped = COUNT_BIG(*)
    FROM [#lost] AS [lost]
    INNER JOIN [staging].[bronze_sessions__20261120T231501_4f3a9c] AS [kept] ON [kept].[id] = [lost].[id]
    WHERE NOT EXISTS (SELECT [lost].[id], [lost].[watched], [lost].[minutes], CAST([lost].[device] AS varbinary(8000)) EXCEPT SELECT [kept].[id], [kept].[watched], [kept].[minutes], CAST([kept].[device] AS varbinary(8000)));
    IF @held + @dropped <> @lost
        THROW 50003, N'rows held or dropped and rows removed differ in bronze.sessions', 1;
    DROP TABLE [#lost];
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @dropped AS [dropped], @held AS [held];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[id], [old].[watched], [old].[minutes], [old].[device], [old].[_loaded_at], [old].[_source_file], [old].[_source_row], CAST(1 AS bigint) AS [side]
        FROM [bronze].[sessions] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[id], [new].[watched], [new].[minutes], [new].[device], [new].[_loaded_at], [new].[_source_file], [new].[_source_row], CAST(-1 AS bigint) FROM [staging].[bronze_sessions__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row]
    HAVING SUM([side]) > 0
) AS [gone];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[bronze_sessions__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:bronze.sessions', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing bronze.sessions', 1;
    UPDATE [quarantine].[bronze_sessions] SET [state] = N'superseded' WHERE [state] = N'held';
    TRUNCATE TABLE [bronze].[sessions];
    INSERT INTO [bronze].[sessions] WITH (TABLOCK) ([id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id])
    SELECT [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id] FROM [staging].[bronze_sessions__20261120T231501_4f3a9c];
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[bronze_sessions] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_bronze_sessions__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [bronze].[sessions];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- alias_view
IF OBJECT_ID(N'[dbo].[sessions]', N'V') IS NOT NULL DROP VIEW [dbo].[sessions];
EXEC sys.sp_executesql N'CREATE VIEW [dbo].[sessions]
AS
SELECT [id], [watched], [minutes], [device], [_loaded_at], [_source_file], [_source_row], [_load_id]
FROM [bronze].[sessions];';

-- drop_staging
DROP TABLE IF EXISTS [staging].[bronze_sessions__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_bronze_sessions__20261120T231501_4f3a9c];
