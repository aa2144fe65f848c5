-- create_table
IF OBJECT_ID(N'[silver].[trend]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[trend] (
    [day] datetime2(3) NULL,
    [total] money NULL
);
END;

-- create_staging
DROP TABLE IF EXISTS [staging].[silver_trend__20261120T231501_4f3a9c];
CREATE TABLE [staging].[silver_trend__20261120T231501_4f3a9c] (
    [day] datetime2(3) NULL,
    [total] money NULL
);

-- create_held
DROP TABLE IF EXISTS [staging].[held_silver_trend__20261120T231501_4f3a9c];
CREATE TABLE [staging].[held_silver_trend__20261120T231501_4f3a9c] (
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

-- by_period
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (
    SELECT DATEFROMPARTS(YEAR([old].[day]), MONTH([old].[day]), 1) AS [first] FROM [staging].[silver_trend__20261120T231501_4f3a9c] AS [old]
    WHERE 1 = 1
) AS [dated]
GROUP BY [first];

-- lay_whole
SET NOCOUNT ON;
DROP TABLE IF EXISTS [staging].[silver_trend__whole_20261120T231501_4f3a9c];
    DECLARE @periods TABLE ([first] date NULL, [next] date NULL);
    INSERT INTO @periods ([first]) VALUES (N'2024-01-01'), (N'2024-12-01');
    UPDATE @periods SET [next] = DATEADD(month, 1, [first]) WHERE [first] < '9999-12-01';
    INSERT INTO @periods ([first], [next]) VALUES (NULL, NULL);
SELECT [day], [total]
INTO [staging].[silver_trend__whole_20261120T231501_4f3a9c]
FROM (
    SELECT
        [old].[day],
        CAST(NULL AS money) AS [total]
    FROM [silver].[trend] AS [old]
    WHERE NOT EXISTS (
        SELECT 1 FROM @periods AS [period]
        WHERE ([old].[day] >= [period].[first] AND ([old].[day] < [period].[next] OR [period].[next] IS NULL))
            OR ([period].[first] IS NULL AND [old].[day] IS NULL)
    )
    UNION ALL
    SELECT [day], [total] FROM [staging].[silver_trend__20261120T231501_4f3a9c]
) AS [whole];

-- create_aside
DROP TABLE IF EXISTS [staging].[silver_trend__kept_20261120T231501_4f3a9c];
SELECT [day] INTO [staging].[silver_trend__kept_20261120T231501_4f3a9c] FROM [silver].[trend] WHERE [is_current] = 1;

-- create_back
INSERT INTO [silver].[trend] ([day])
SELECT [day] FROM [staging].[silver_trend__kept_20261120T231501_4f3a9c];
DROP TABLE [staging].[silver_trend__kept_20261120T231501_4f3a9c];

-- lost
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT [old].[day], CAST(1 AS bigint) AS [side]
        FROM [silver].[trend] AS [old]
        WHERE 1 = 1
        UNION ALL
        SELECT [new].[day], CAST(-1 AS bigint) FROM [staging].[silver_trend__20261120T231501_4f3a9c] AS [new]
    ) AS [either]
    GROUP BY [day]
    HAVING SUM([side]) > 0
) AS [gone];

-- lost_periods
SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT CAST(1 AS bigint) AS [side]
        FROM [silver].[trend] AS [old]
        WHERE 1 = 1
            AND EXISTS (
                SELECT 1
                FROM (VALUES (CAST(N'2024-01-01' AS date)), (CAST(N'2024-12-01' AS date)), (CAST(NULL AS date))) AS [present] ([first])
                WHERE [present].[first] = DATEFROMPARTS(YEAR([old].[day]), MONTH([old].[day]), 1)
                    OR ([present].[first] IS NULL AND [old].[day] IS NULL)
            )
    ) AS [either]
    HAVING SUM([side]) > 0
) AS [gone];

-- by_period_kept
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (
    SELECT DATEFROMPARTS(YEAR([old].[day]), MONTH([old].[day]), 1) AS [first] FROM [silver].[trend] AS [old]
    WHERE 1 = 1
        AND (1 = 0
            OR ([old].[day] >= N'2024-01-01' AND DATEFROMPARTS(YEAR([old].[day]), MONTH([old].[day]), 1) <= N'2024-12-01')
            OR [old].[day] IS NULL)
) AS [dated]
GROUP BY [first];

-- by_period_new
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (
    SELECT DATEFROMPARTS(YEAR(CAST(NULL AS date)), MONTH(CAST(NULL AS date)), 1) AS [first] FROM [silver].[trend] AS [old]
    WHERE 1 = 1
        AND (1 = 0
            OR CAST(NULL AS date) IS NULL)
) AS [dated]
GROUP BY [first];

-- count
SELECT COUNT_BIG(*) AS [row_count] FROM [staging].[silver_trend__20261120T231501_4f3a9c];

-- publish
SET XACT_ABORT ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 60000;
DECLARE @lock int, @inserted bigint = 0, @updated bigint = 0, @removed bigint = 0, @before bigint = 0,
    @unchanged bigint = 0, @closed bigint = 0, @quarantined bigint = 0, @total bigint;
BEGIN TRY
    BEGIN TRANSACTION;
    EXEC @lock = sys.sp_getapplock @Resource = N'medallion:silver.trend', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 60000;
    IF @lock < 0
        THROW 50001, N'another load is publishing silver.trend', 1;
    SELECT @before = COUNT_BIG(*) FROM [silver].[trend];
    DECLARE @periods TABLE ([first] date NULL, [next] date NULL);
    INSERT INTO @periods ([first]) VALUES (N'2024-01-01'), (N'2024-12-01');
    UPDATE @periods SET [next] = DATEADD(month, 1, [first]) WHERE [first] < '9999-12-01';
    INSERT INTO @periods ([first], [next]) VALUES (NULL, NULL);
    UPDATE [earlier] SET [state] = N'superseded'
    FROM [quarantine].[silver_trend] AS [earlier]
    WHERE [earlier].[state] = N'held' AND (1 = 0
        OR EXISTS (SELECT 1 FROM (SELECT TRY_CONVERT(date, LEFT(JSON_VALUE([earlier].[row_data], N'$."day"'), 10), 23) AS [day]) AS [dated]
            INNER JOIN @periods AS [period] ON [dated].[day] >= [period].[first] AND ([dated].[day] < [period].[next] OR [period].[next] IS NULL)
                OR ([period].[first] IS NULL AND NULLIF(JSON_VALUE([earlier].[row_data], N'$."day"'), N'') IS NULL
                    -- of a line that did not parse nobody knows the date
                    AND [earlier].[row_data] NOT LIKE N'{"[_]raw":%')));
    DELETE [old]
    FROM [silver].[trend] AS [old]
    INNER JOIN @periods AS [period]
        ON [old].[day] >= [period].[first] AND ([old].[day] < [period].[next] OR [period].[next] IS NULL);
    SET @removed = ROWCOUNT_BIG();
    DELETE FROM [silver].[trend]
    WHERE [day] IS NULL AND EXISTS (SELECT 1 FROM @periods WHERE [first] IS NULL);
    SET @removed = @removed + ROWCOUNT_BIG();
    INSERT INTO [silver].[trend] ([day], [total])
    SELECT [day], [total] FROM [staging].[silver_trend__20261120T231501_4f3a9c];
    SET @inserted = ROWCOUNT_BIG();
    INSERT INTO [quarantine].[silver_trend] ([quarantine_id], [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs])
    SELECT
        CONCAT([load_id], N'-', ROW_NUMBER() OVER (ORDER BY [source_file], [source_row], [row_data])),
        [load_id], [quarantined_at], [source_file], [source_row], [reasons], [row_data], [state], [replay_load_id], [repairs]
    FROM [staging].[held_silver_trend__20261120T231501_4f3a9c];
    SET @quarantined = ROWCOUNT_BIG();
    SELECT @total = COUNT_BIG(*) FROM [silver].[trend];
    INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'20261120T231501_4f3a9c', @inserted + @updated);
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF XACT_STATE() <> 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
SELECT @inserted AS [inserted], @updated AS [updated], @removed AS [removed], @before AS [before],
    @unchanged AS [unchanged], @closed AS [closed], @quarantined AS [quarantined], @total AS [total];

-- drop_staging
DROP TABLE IF EXISTS [staging].[silver_trend__20261120T231501_4f3a9c];
DROP TABLE IF EXISTS [staging].[held_silver_trend__20261120T231501_4f3a9c];
