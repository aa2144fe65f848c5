-- create
IF OBJECT_ID(N'[silver].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[sessions] (
    [id] bigint NOT NULL,
    [user_id] nvarchar(20) NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [note] nvarchar(max) NULL,
    CONSTRAINT [PK_silver_sessions] PRIMARY KEY CLUSTERED ([id])
);
END;

-- seal
SET XACT_ABORT ON;
ALTER TABLE [staging].[silver_sessions__20261120T231501_4f3a9c] ALTER COLUMN [id] bigint NOT NULL;
ALTER TABLE [staging].[silver_sessions__20261120T231501_4f3a9c] ADD CONSTRAINT [PK_silver_sessions__20261120T231501_4f3a9c] PRIMARY KEY CLUSTERED ([id]);

-- bind
IF OBJECT_ID(N'[silver].[users]', N'U') IS NOT NULL
    ALTER TABLE [silver].[sessions] WITH NOCHECK ADD CONSTRAINT [mdl_fk_sessions_3541c28c] FOREIGN KEY ([user_id]) REFERENCES [silver].[users] ([id]);

-- bind
IF OBJECT_ID(N'[silver].[mdl_fk_sessions_3541c28c]', N'F') IS NOT NULL
    ALTER TABLE [silver].[sessions] NOCHECK CONSTRAINT [mdl_fk_sessions_3541c28c];

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
